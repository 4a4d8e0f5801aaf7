// SPDX-License-Identifier: Apache-2.0
// A row of blocks a tensor, 16 bytes a thread at a time. No arithmetic on the values of a model.
#pragma once
#include "cuda/common/reduce.h"
#include "cuda/poison/poison.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kPoisonThreads = 128;

__global__ void __launch_bounds__(kPoisonThreads) poison_kernel(PoisonArgs args) {
  const std::byte* values = args.values[blockIdx.y];
  const int64_t bytes = args.bytes[blockIdx.y], whole = bytes / 16 * 16;
  const int64_t first = (int64_t(blockIdx.x) * kPoisonThreads + int(threadIdx.x)) * 16;
  bool found = false;
#pragma unroll 4
  for (int64_t at = first; at < whole; at += int64_t(gridDim.x) * kPoisonThreads * 16) {
    const uint4 word = *reinterpret_cast<const uint4*>(values + at);
    found = found || word.x == kPoisonA || word.y == kPoisonA || word.z == kPoisonA || word.w == kPoisonA;
  }
  if (first == 0) {
    for (int64_t at = whole; at + 4 <= bytes; at += 4)
      found = found || *reinterpret_cast<const uint32_t*>(values + at) == kPoisonA;
  }
  // All that find something write the same.
  if (__any_sync(kFullWarp, found) && threadIdx.x % 32 == 0) *args.found[blockIdx.y] = 1;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
