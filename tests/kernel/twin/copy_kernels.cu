// SPDX-License-Identifier: Apache-2.0
// Bulk copies, sound and faulty. Each reads 64 words that one lane has asked for.
#include "cuda/common/async_copy.h"
#include "tests/kernel/twin/test_kernels.h"

namespace plumbline::PLUMBLINE_BUILD_NS::testing {
namespace {

constexpr int kWords = 64;

__global__ void copies_kernel(const uint32_t* in, uint32_t* out, BulkFault fault) {
  __shared__ CopyBarrier came;
  uint32_t* words = dynamic_shared<uint32_t>();
  if (threadIdx.x == 0) {
    start_copy_barrier(&came, fault == BulkFault::thread_missing ? 2 : 1);
    expect_copies(&came, kWords * 4 + (fault == BulkFault::bytes_missing ? 16 : 0));
    bulk_copy(words, in, kWords * 4, &came);
  }
  __syncthreads();
  if (fault != BulkFault::no_wait) wait_for_copies(&came);
  out[threadIdx.x] = words[threadIdx.x];
}

}  // namespace

void copy_in_bulk(const uint32_t* in, uint32_t* out, BulkFault fault) {
  launch("copies", LaunchShape{dim3(1), dim3(kWords), kWords * 4}, nullptr, copies_kernel, in, out, fault);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS::testing
