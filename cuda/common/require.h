// SPDX-License-Identifier: Apache-2.0
// Argument checks of the op.cu files, and what decides between their kernels. Invariant: a launch only sees arguments
// that passed them. Left to others: whether buffers are as large as the shapes say (fences find that), errors of the
// launch itself (common/launch.h).
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include <plumbline/error.h>

namespace plumbline {

/// Whether it can be loaded 16 bytes at a time.
inline bool is_aligned(const void* address) { return reinterpret_cast<uintptr_t>(address) % 16 == 0; }

/// A named extent and its value.
struct Extent {
  std::string_view name;
  int64_t value;
};

/// Throws BackendError naming the op and the first extent below 1.
inline void require_positive(std::string_view op, std::initializer_list<Extent> extents) {
  for (const Extent& extent : extents) {
    if (extent.value >= 1) continue;
    throw BackendError("launch of '" + std::string(op) + "': " + std::string(extent.name) + " must be at least 1",
                       {"it is " + std::to_string(extent.value)}, "check the shapes of the op's inputs and parameters");
  }
}

/// A named pointer.
struct Pointer {
  std::string_view name;
  const void* value;
};

/// Throws BackendError naming the op and the first null pointer.
inline void require_pointers(std::string_view op, std::initializer_list<Pointer> pointers) {
  for (const Pointer& pointer : pointers) {
    if (pointer.value != nullptr) continue;
    throw BackendError("launch of '" + std::string(op) + "': " + std::string(pointer.name) + " is null", {},
                       "give the op a buffer for every input and output");
  }
}

/// Throws BackendError unless `threads` is a block of 1 to 32 whole warps.
inline void require_block(std::string_view op, int threads) {
  if (threads >= 32 && threads <= 1024 && threads % 32 == 0) return;
  throw BackendError("launch of '" + std::string(op) + "': a block must be whole warps, 32 to 1024 threads",
                     {"asked for " + std::to_string(threads)}, "take 128 threads a block");
}

}  // namespace plumbline
