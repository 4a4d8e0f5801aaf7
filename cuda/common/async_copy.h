// SPDX-License-Identifier: Apache-2.0
// Copies from device to shared memory by the copy engine (cp.async.bulk, sm_90), which go on while the block does other
// work. Invariant: the bytes are there for a thread once it has waited for their barrier; until then the place holds
// what it held. The twin keeps copies back until they are waited for, so that a missing wait reads poison there too.
// A barrier serves once. Left to others: which memory (gemm/slab.cuh).
//   start_copy_barrier(b, n)   by one thread, with a barrier of the block before any other one uses it
//   expect_copies(b, bytes)    n times, each before the copies that it is for: how many bytes these bring, perhaps 0
//   bulk_copy(...)             addresses and size are multiples of 16
//   wait_for_copies(b)         by every thread that reads; all copies have been asked for by then
#pragma once
#include <cstdint>

#include "cuda/common/kernel.h"
#if !defined(__CUDACC__)
#include <cstring>

#include "cuda/twin/async_copy.h"
#endif

namespace plumbline::PLUMBLINE_BUILD_NS {

/// In shared memory.
struct CopyBarrier {
  uint64_t word;
};

#if defined(__CUDACC__)

__device__ __forceinline__ uint32_t shared_address(const void* shared) {
  return uint32_t(__cvta_generic_to_shared(shared));
}

__device__ __forceinline__ void start_copy_barrier(CopyBarrier* barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;\n" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
  asm volatile("fence.mbarrier_init.release.cluster;\n" ::: "memory");  // seen by the copy engine
}

__device__ __forceinline__ void expect_copies(CopyBarrier* barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;\n" ::"r"(shared_address(barrier)), "r"(bytes)
               : "memory");
}

__device__ __forceinline__ void bulk_copy(void* shared, const void* global, int bytes, CopyBarrier* barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];\n" ::"r"(
                   shared_address(shared)),
               "l"(global), "r"(bytes), "r"(shared_address(barrier))
               : "memory");
}

__device__ __forceinline__ void wait_for_copies(CopyBarrier* barrier) {
  uint32_t done = 0;
  while (done == 0) {
    asm volatile("{\n.reg .pred p;\nmbarrier.try_wait.parity.shared::cta.b64 p, [%1], 0;\nselp.u32 %0, 1, 0, p;\n}\n"
                 : "=r"(done)
                 : "r"(shared_address(barrier))
                 : "memory");
  }
}

#else

inline void start_copy_barrier(CopyBarrier* barrier, int arrivals) { open_copies(barrier, arrivals); }
inline void expect_copies(CopyBarrier* barrier, int bytes) { announce_copies(barrier, bytes); }
inline void bulk_copy(void* shared, const void* global, int bytes, CopyBarrier* barrier) {
  keep_copy(barrier, {shared, global, bytes});
}
inline void wait_for_copies(CopyBarrier* barrier, Where where = Where::current()) {
  require_copies(barrier, where);
  BulkCopy copy;
  while (next_copy(barrier, copy)) std::memcpy(copy.target, copy.source, size_t(copy.bytes));  // where sanitizers look
  copies_seen(barrier);
}

#endif

}  // namespace plumbline::PLUMBLINE_BUILD_NS
