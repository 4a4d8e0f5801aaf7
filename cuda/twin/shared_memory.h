// SPDX-License-Identifier: Apache-2.0
// The shared memory of blocks: __shared__ variables (thread-locals of the kernels' library) and the dynamic part.
// Invariant: both hold a NaN pattern when a block starts, and the dynamic part lies between fences. Left to others:
// direct indexing past a __shared__ array (the undefined-behaviour sanitizer sees that).
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "cuda/twin/vector_types.h"

namespace plumbline::twin {

/// Where the thread-locals of one library lie: the same place in every thread, told by the dynamic loader.
struct SharedSegment {
  size_t module = 0;
  size_t bytes = 0;  ///< 0: the library has no __shared__ variables
};

/// The segment of the library that holds `kernel`. Throws BackendError if that is the main program, whose thread-locals
/// are not only shared memory.
SharedSegment find_shared_segment(const void* kernel, const char* op);

/// One host thread's shared memory.
class SharedMemory {
 public:
  SharedMemory();
  /// Fills everything with `poison` (16 bits, repeated) and points dynamic_shared() at `dynamic_bytes`.
  void start_block(const SharedSegment& segment, size_t dynamic_bytes, uint16_t poison);
  /// Throws BackendError if the block wrote outside its dynamic shared memory.
  void check_fences(const char* op, uint3 block_index) const;

 private:
  std::unique_ptr<std::byte[]> storage_;
  std::byte* data_ = nullptr;
  size_t dynamic_bytes_ = 0;
};

inline constexpr size_t kMaxDynamicShared = 227 * 1024;  // of sm_90

}  // namespace plumbline::twin
