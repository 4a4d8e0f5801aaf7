// SPDX-License-Identifier: Apache-2.0
// The candidate: a backend that runs a model's op graph with our hand-written kernels, on a GPU or, the same source, on
// the CPU (the twin). Invariant: both give the same bits on every tap; recording taps changes no bit of any output.
// Left to others: the fusion plan (fusion_plan.h), the kernels (cuda/<op>/).
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <plumbline/backend.h>
#include <plumbline/model.h>

namespace plumbline {

struct KernelOptions {
  /// What runs for a norm followed by the query, key and value projections. "hf": one fused kernel under the graph's
  /// own contract. Bit-equal to it: "exact", the same in one pass over x; "unfused", rmsnorm, then three projections;
  /// "separate_k_norm", with the norm of the key heads in a launch of its own, before the one that norms and rotates
  /// the others. "single", "f32": the fused kernel, rounding once or not at all before the product (contract
  /// rmsnorm/olmo, rmsnorm/f32 in graph()). "minimal_f32": as "f32", and queries and keys stay in f32 up to the norm of
  /// their heads (linear/f32out, then rmsnorm/olmo). "tf32", "fp16_tiles": as "f32", but the products take their
  /// operands cut to TF32, or rounded to f16 (linear/tf32, linear/f16).
  std::string qkv = "hf";
  int qkv_layer = -1;  ///< the layer that `qkv` is for; -1: every layer
  /// Whose bits: "portable", ours; "torch/sm90", those of LibTorch's eager ops on an H100 or H200, for the shapes that
  /// torch_orders.h knows. Which of the two GPUs: the one at hand; without one an H200, unless "torch/sm90-h100" says
  /// so.
  std::string numerics = "portable";
  int block_threads = 128;  ///< of the kernels: a multiple of 32; moves no bit
  int threads = 0;          ///< worker threads of the twin, 0: as many as the machine has; moves no bit
  /// Fences of every buffer, and surviving poison in every tap that is copied, are errors; of decode steps that are
  /// recorded and replayed (decode_program.h) the fences behind the first only.
  bool checked = true;
  size_t ring_bytes = size_t{256} << 20;  ///< host memory (pinned) in which taps wait for the sink; moves no bit
  bool statistics = false;  ///< every wanted tap is handed out as its statistics (core/statistics.h), not its values
  bool verify_taps =
      false;  ///< each step runs a second time without taps; a differing bit in logits or cache is an error

  /// Whether `variant` is what runs in that layer.
  bool runs(std::string_view variant, int layer) const {
    return qkv == variant && (qkv_layer < 0 || layer == qkv_layer);
  }
};

/// A backend that runs our kernels.
class KernelsBackend : public Backend {
 public:
  /// Goes on after the steps so far: feeds `token`, then the likeliest next token, and so on, without taps and without
  /// the host in between; the `count` tokens that were chosen. The next forward pass must begin a new sequence. Throws
  /// BackendError for a model whose steps cannot be recorded (decode_program.h), InputError before any step.
  virtual std::vector<int64_t> generate(int64_t token, int64_t count) = 0;
  /// Feeds `step` as forward() does, without taps: the likeliest token after it. The logits of all its rows are
  /// computed and stay on the device.
  virtual int64_t next_token(const Step& step) = 0;
};

/// Uploads the parameters that the graph names; `model` may go afterwards. Throws BackendError for options that mean
/// nothing, a dtype other than bf16, or a graph that the kernels cannot run (it names the op).
std::unique_ptr<KernelsBackend> make_twin_backend(const Model& model, const KernelOptions& options = {});
/// Same on the first GPU. Present only in builds with nvcc (PLUMBLINE_HAVE_CUDA).
std::unique_ptr<KernelsBackend> make_cuda_backend(const Model& model, const KernelOptions& options = {});
/// Throws BackendError, as make_cuda_backend would, unless the first GPU can run kernels of these options: no GPU, a
/// driver that is too old, a build without code for it, numerics that it does not have. Present where that one is.
void require_gpu(const KernelOptions& options = {});

/// The values of KernelOptions::qkv.
const std::vector<std::string>& qkv_variants();
/// The values of KernelOptions::numerics.
const std::vector<std::string>& kernel_numerics();

/// The graph as these options run it: contracts and formats where they differ, and with "separate_k_norm" the norm of
/// the keys before that of the queries. Throws BackendError for options that mean nothing, or nothing in this model.
OpGraph graph_as_run(const OpGraph& graph, const KernelOptions& options);

}  // namespace plumbline
