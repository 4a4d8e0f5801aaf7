// SPDX-License-Identifier: Apache-2.0
// Bulk copies and staged ones, sound and faulty. Each reads 64 words: that one lane has asked for, or four each.
#include "cuda/common/async_copy.h"
#include "cuda/common/staged_copy.h"
#include "tests/kernel/twin/test_kernels.h"

namespace plumbline::PLUMBLINE_BUILD_NS::testing {
namespace {

constexpr int kWords = 64, kStages = 4;

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

/// Four stages of 64 words, each four times in a row what the thread before has fetched; the last quarter of a stage is
/// outside.
__global__ void staged_kernel(const uint32_t* in, uint32_t* out, StagedFault fault) {
  uint32_t* words = dynamic_shared<uint32_t>();
  const int first = int(threadIdx.x) * 4;
  for (int stage = 0; stage < kStages; ++stage) {
    copy_piece(words + stage * kWords + first, in + stage * kWords + first, first < kWords / 4 * 3);
    close_copies();
  }
  if (fault == StagedFault::early) {
    wait_for_closed<1>();
  } else if (fault != StagedFault::no_wait) {
    wait_for_closed<0>();
  }
  if (fault != StagedFault::no_barrier) __syncthreads();
  const int neighbour = (first + 4) % kWords;
  for (int i = 0; i < kStages * 4; ++i) out[i / 4 * kWords + first + i % 4] = words[i / 4 * kWords + neighbour + i % 4];
}

}  // namespace

void copy_in_stages(const uint32_t* in, uint32_t* out, StagedFault fault) {
  launch("stages", LaunchShape{dim3(1), dim3(kWords / 4), kStages * kWords * 4}, nullptr, staged_kernel, in, out,
         fault);
}

void copy_in_bulk(const uint32_t* in, uint32_t* out, BulkFault fault) {
  launch("copies", LaunchShape{dim3(1), dim3(kWords), kWords * 4}, nullptr, copies_kernel, in, out, fault);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS::testing
