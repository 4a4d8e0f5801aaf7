// SPDX-License-Identifier: Apache-2.0
// Looks at the fences of many buffers in one launch, so that nobody on the host waits for kernels in order to look.
// Invariant: every word of the report is written; the fences are only read. Left to others: whose buffers they are, and
// what to say of damage (fence_watch.h).
#pragma once
#include "cuda/common/launch.h"
#include "cuda/common/memory.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kFenceWarps = 4;  ///< warps of a block: each reports what it found

struct FenceArgs {
  static constexpr int kMost = 64;  ///< buffers of one launch
  const std::byte* before[kMost];   ///< the fences, kFenceBytes each
  const std::byte* after[kMost];
  /// [count, 2 (before, after), kFenceWarps]: bytes between the buffer and the nearest damaged one; kFenceBytes: whole.
  uint32_t* report;
  int count;
};

/// No buffers: nothing happens. Throws BackendError for a null pointer or more than kMost buffers.
void look_at_fences(const FenceArgs& args, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
