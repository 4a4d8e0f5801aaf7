// SPDX-License-Identifier: Apache-2.0
// Copies of traces as other software would have written them: plain datasets, no index, no digests, no axis names.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <plumbline/tensor.h>

namespace plumbline::test {

enum class BatchAxis { kept, left_out, doubled };

struct ForeignForm {
  bool widened = false;         ///< bf16 as f32, as numpy has no bf16
  bool dtype_attribute = true;  ///< bf16 is stored as u16; the attribute says that these are its bits
  BatchAxis batch = BatchAxis::kept;
  std::function<float(const std::string& path, float value)> edit = {};  ///< of widened values
  /// The same with a whole tap in view, after `edit`.
  std::function<void(const std::string& path, std::vector<float>& values)> rewrite = {};
  std::function<std::string(const std::string& path)> rename = {};  ///< "" leaves the tap out
  uint64_t shuffle = 0;                                             ///< not 0: written in an order drawn by it
  bool one_buffer = false;  ///< in every step but the first each layer holds what the last one does
};

/// Writes every tap of `trace` (bf16, f32 and i64 are known here) to a new file NAME in the scratch directory; gives
/// the file.
std::string foreign_copy(const std::string& trace, const std::string& name, const ForeignForm& form);

}  // namespace plumbline::test
