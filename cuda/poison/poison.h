// SPDX-License-Identifier: Apache-2.0
// Looks for poison that survived in tensors, on the device, which reads them many times faster than a host does what
// was copied. Invariant: the tensors are only read; a word is written only where poison was found. Left to others:
// whose tensors they are, and what to say of it (pipeline/tap_capture.h).
#pragma once
#include "cuda/common/launch.h"
#include "cuda/common/memory.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

struct PoisonArgs {
  static constexpr int kMost = 32;  ///< tensors of one launch
  const std::byte* values[kMost];   ///< aligned to 16 bytes
  int64_t bytes[kMost];
  /// Set to 1 if a whole aligned word of values is kPoisonA. May lie in pinned host memory.
  uint32_t* found[kMost];
  int count;
};

/// No tensors: nothing happens. Throws BackendError for a null pointer or more than kMost tensors.
void look_for_poison(const PoisonArgs& args, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
