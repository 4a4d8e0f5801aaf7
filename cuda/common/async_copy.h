// SPDX-License-Identifier: Apache-2.0
// Copies from device to shared memory that go on while the thread does other work (cp.async, sm_80 and later).
// Invariant: a copy is there for the thread that asked for it after async_wait, for the others after a barrier behind
// it; until then the place holds what it held. The twin keeps copies back until they are waited for, so that a missing
// wait reads poison there too. Left to others: barriers, which memory (gemm/slab.cuh).
#pragma once
#include <cstdint>

#include "cuda/common/kernel.h"
#if !defined(__CUDACC__)
#include "cuda/twin/async_copy.h"
#endif

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Starts a copy of 16 bytes; both addresses are multiples of 16.
__device__ __forceinline__ void async_copy_16(void* shared, const void* global) {
#if defined(__CUDACC__)
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;\n" ::"r"(uint32_t(__cvta_generic_to_shared(shared))),
               "l"(global)
               : "memory");
#else
  keep_async_copy(shared, global);
#endif
}

/// Ends a group: the copies that this thread has started since the last one.
__device__ __forceinline__ void async_commit() {
#if defined(__CUDACC__)
  asm volatile("cp.async.commit_group;\n" ::: "memory");
#else
  end_async_group();
#endif
}

/// Waits until at most the newest `kLeft` groups of this thread are under way.
template <int kLeft>
__device__ __forceinline__ void async_wait() {
#if defined(__CUDACC__)
  asm volatile("cp.async.wait_group %0;\n" ::"n"(kLeft) : "memory");
#else
  AsyncCopy copy;
  while (next_landed(kLeft, copy))
    *static_cast<uint4*>(copy.target) = *static_cast<const uint4*>(copy.source);  // here, where sanitizers look
#endif
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
