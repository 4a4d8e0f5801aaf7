// SPDX-License-Identifier: Apache-2.0
// Copies from device to shared memory in pieces of 16 bytes (cp.async, sm_80), which a thread asks for ahead of use,
// group by group. Invariant: a thread's own pieces are there once it has waited for their group, those of others after
// a barrier of the block behind their waits; until then the place holds what it held. The twin keeps pieces back until
// they are waited for, so that a missing wait or barrier reads what was there before. Left to others: which memory
// (gemm/panel.cuh); copies of whole rows (async_copy.h).
//   copy_piece(shared, global, inside)   both 16-byte aligned; zeros if not inside, global is not read then
//   close_copies()                       what this thread asked for since the last close is a group, perhaps empty
//   wait_for_closed<n>()                 all groups of this thread have come but the last n
#pragma once
#include <cstdint>

#include "cuda/common/kernel.h"
#if !defined(__CUDACC__)
#include <cstring>

#include "cuda/twin/staged_copy.h"
#endif

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kPieceBytes = 16;

#if defined(__CUDACC__)

__device__ __forceinline__ void copy_piece(void* shared, const void* global, bool inside) {
  const int bytes = inside ? kPieceBytes : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(uint32_t(__cvta_generic_to_shared(shared))),
               "l"(global), "r"(bytes)
               : "memory");
}

__device__ __forceinline__ void close_copies() { asm volatile("cp.async.commit_group;\n" ::: "memory"); }

template <int kOpen>
__device__ __forceinline__ void wait_for_closed() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(kOpen) : "memory");
}

#else

inline void copy_piece(void* shared, const void* global, bool inside) {
  keep_piece({shared, inside ? global : nullptr});
}
inline void close_copies() { close_group(); }
template <int kOpen>
void wait_for_closed() {
  Piece piece;
  while (next_piece(kOpen, piece)) {  // copied here, where sanitizers look
    if (piece.source != nullptr) {
      std::memcpy(piece.target, piece.source, kPieceBytes);
    } else {
      std::memset(piece.target, 0, kPieceBytes);
    }
  }
}

#endif

}  // namespace plumbline::PLUMBLINE_BUILD_NS
