// SPDX-License-Identifier: Apache-2.0
// One block a buffer, first the fence before it, then the one after. No arithmetic on the values of a model.
#pragma once
#include "cuda/common/reduce.h"
#include "cuda/fences/fences.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// `distance` if it is the smaller one, over the lanes of a warp.
__device__ __forceinline__ int nearest_of_warp(int distance PLUMBLINE_WHERE_PARAM) {
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    const int other = __shfl_xor_sync(kFullWarp, distance, lanes, 32 PLUMBLINE_WHERE_ARG);
    distance = other < distance ? other : distance;
  }
  return distance;
}

__global__ void fences_kernel(FenceArgs args) {
  const int whole = int(kFenceBytes), thread = int(threadIdx.x), buffer = int(blockIdx.x);
  for (int side = 0; side < 2; ++side) {
    const std::byte* fence = side == 0 ? args.before[buffer] : args.after[buffer];
    int nearest = whole;
#pragma unroll 8
    for (int i = thread; i < whole; i += kFenceWarps * 32) {
      const int distance = side == 0 ? whole - 1 - i : i;
      if (fence[i] != kFence && distance < nearest) nearest = distance;
    }
    if (__any_sync(kFullWarp, nearest < whole)) nearest = nearest_of_warp(nearest);
    if (thread % 32 == 0) args.report[(buffer * 2 + side) * kFenceWarps + thread / 32] = uint32_t(nearest);
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
