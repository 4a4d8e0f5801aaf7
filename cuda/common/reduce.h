// SPDX-License-Identifier: Apache-2.0
// Reductions over a warp and a block in one declared order. Invariant: the result has the same bits in every thread, on
// GPU and CPU, for any schedule. Left to others: what each thread folds before (the kernel states it).
//   order    A1 warp: xor tree with distances 16, 8, 4, 2, 1 (addition commutes, so every lane ends with the same bits)
//            A2 block: each thread adds the warps' partials, warp 0 first
//   rounding every addition to nearest even; NaN gives 0x7FFFFFFF; maxima as max_f32
//   repeat   void if kThreads changes
//   checked  tests/litmus/xor_tree_test.cpp
#pragma once
#include "cuda/common/kernel.h"
#include "cuda/common/math.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr unsigned kFullWarp = 0xFFFFFFFFu;

/// Sum over the 32 lanes, in every lane. All lanes of the warp must call it.
__device__ __forceinline__ float warp_sum(float value PLUMBLINE_WHERE_PARAM) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    value = __fadd_rn(value, __shfl_xor_sync(kFullWarp, value, distance, 32 PLUMBLINE_WHERE_ARG));
  }
  return value;
}

/// Largest value over the 32 lanes (max_f32: NaN wins), in every lane. All lanes of the warp must call it.
__device__ __forceinline__ float warp_max(float value PLUMBLINE_WHERE_PARAM) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    value = max_f32(value, __shfl_xor_sync(kFullWarp, value, distance, 32 PLUMBLINE_WHERE_ARG));
  }
  return value;
}

/// Adds the upper half of a thread's first kCount values, a power of two, to the lower until one is left. By recursion:
/// nvcc keeps a loop over the halves, and with it the values in memory.
template <int kCount, int kSize>
__device__ __forceinline__ float halves_sum(float (&values)[kSize]) {
  static_assert(kCount <= kSize && (kCount & (kCount - 1)) == 0, "halves of halves");
  if constexpr (kCount > 1) {
#pragma unroll
    for (int i = 0; i < kCount / 2; ++i) values[i] = __fadd_rn(values[i], values[i + kCount / 2]);
    return halves_sum<kCount / 2>(values);
  }
  return values[0];
}

/// The flat index of the calling thread in its block, x fastest.
__device__ __forceinline__ int flat_thread() {
  return int(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z));
}

/// Sum over the block's kThreads threads, in every thread. `shared` holds at least kThreads / 32 floats; it may be used
/// again as soon as the call returns. All threads of the block must call it.
template <int kThreads>
__device__ __forceinline__ float block_sum(float value, float* shared PLUMBLINE_WHERE_PARAM) {
  static_assert(kThreads % 32 == 0 && kThreads <= 1024, "whole warps only");
  value = warp_sum(value PLUMBLINE_WHERE_ARG);
  if (flat_thread() % 32 == 0) shared[flat_thread() / 32] = value;
  PLUMBLINE_BLOCK_BARRIER();
  float sum = shared[0];
  for (int warp = 1; warp < kThreads / 32; ++warp) sum = __fadd_rn(sum, shared[warp]);
  PLUMBLINE_BLOCK_BARRIER();
  return sum;
}

/// Largest value over the block's kThreads threads (NaN wins), in every thread; `shared` as for block_sum.
template <int kThreads>
__device__ __forceinline__ float block_max(float value, float* shared PLUMBLINE_WHERE_PARAM) {
  static_assert(kThreads % 32 == 0 && kThreads <= 1024, "whole warps only");
  value = warp_max(value PLUMBLINE_WHERE_ARG);
  if (flat_thread() % 32 == 0) shared[flat_thread() / 32] = value;
  PLUMBLINE_BLOCK_BARRIER();
  float largest = shared[0];
  for (int warp = 1; warp < kThreads / 32; ++warp) largest = max_f32(largest, shared[warp]);
  PLUMBLINE_BLOCK_BARRIER();
  return largest;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
