// SPDX-License-Identifier: Apache-2.0
// The reference backend: the model's op graph interpreted with LibTorch's primitive ops, on the CPU or a GPU.
// Invariant: ops, their order, tensor layouts and rounding points are those of Hugging Face transformers' eager path,
// so every tap has the bits that transformers gives on the same torch build, machine and thread count (with sdpa: those
// of its sdpa path; with a batch: those of the first of as many equal sequences). No LibTorch type appears here:
// whoever uses the backend needs none of its headers.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include <plumbline/backend.h>
#include <plumbline/model.h>

namespace plumbline {

struct TorchOptions {
  std::string device = "cpu";  ///< "cpu" or "cuda"
  int threads = 0;             ///< CPU threads of every op; 0: LibTorch's own choice
  bool sdpa = false;           ///< attention by scaled_dot_product_attention, its inner taps not recorded (sdpa.h)
  int64_t batch = 1;           ///< copies of the sequence that every op computes at once; the first is recorded
};

/// A backend that runs LibTorch.
class TorchBackend : public Backend {
 public:
  /// Feeds `step` as forward() does, without taps: argmax of the logits of its last row. The logits of all rows are
  /// computed and stay on the device.
  virtual int64_t next_token(const Step& step) = 0;
};

/// Keeps what it needs of `model` (parameters are shared, on a GPU copied). Throws BackendError for a device that is
/// not there, and for an op whose kind, contract or attributes it does not know, naming the op. The thread count is
/// LibTorch's, hence the process's: each forward pass sets its own.
std::unique_ptr<TorchBackend> make_torch_backend(const Model& model, const TorchOptions& options = {});

/// "LibTorch 2.13.0": the build that this program was linked with.
std::string torch_version();
/// Empty if the device can be used, else the reason in one sentence.
std::string torch_device_problem(const std::string& device);
/// Throws BackendError, as make_torch_backend would, unless the device can be used.
void require_torch_device(const std::string& device);

}  // namespace plumbline
