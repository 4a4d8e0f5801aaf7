// SPDX-License-Identifier: Apache-2.0
// argmax(logits), in two launches: the best of each block's share, then the best of those.
// NUMERICS CONTRACT greedy/v1
//   types    logits bf16, compared in f32 (exact)
//   order    none: the choice is the same whatever the order
//   rounding none
//   special  NaN is never chosen; of equal logits (-0 equals +0) the lowest index; if all are NaN or -Inf, index 0
//   repeat   the same everywhere
//   source   torch.argmax picks the lowest of equal ones too, but NaN first; greedy_choice of src/run/decode.cpp
//   checked  tests/kernel/greedy
#pragma once
#include "cuda/common/dependent_launch.h"
#include "cuda/common/reduce.h"
#include "cuda/greedy/greedy.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kGreedyThreads = 256;

__device__ __forceinline__ Candidate better(Candidate a, Candidate b) {
  if (b.value > a.value || (b.value == a.value && b.index < a.index)) return b;
  return a;
}

/// The best of the block's, in thread 0. `shared` holds a candidate a warp. All threads of the block call it.
__device__ __forceinline__ Candidate best_of_block(Candidate best, Candidate* shared PLUMBLINE_WHERE_PARAM) {
  const auto best_of_warp = [&](Candidate mine) {
    for (int distance = 16; distance > 0; distance /= 2) {
      Candidate other;
      other.value = __shfl_xor_sync(kFullWarp, mine.value, distance, 32 PLUMBLINE_WHERE_ARG);
      other.index = __shfl_xor_sync(kFullWarp, mine.index, distance, 32 PLUMBLINE_WHERE_ARG);
      mine = better(mine, other);
    }
    return mine;
  };
  best = best_of_warp(best);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = best;
  PLUMBLINE_BLOCK_BARRIER();
  const int warps = int(blockDim.x) / 32, lane = int(threadIdx.x) % 32;
  return best_of_warp(shared[lane < warps ? lane : 0]);
}

__global__ void __launch_bounds__(kGreedyThreads) greedy_shares_kernel(GreedyArgs args) {
  let_next_start();
  wait_for_previous();
  Candidate best{__uint_as_float(0xFF800000u), 0};
  const int step = int(gridDim.x * blockDim.x);
  for (int i = int(blockIdx.x * blockDim.x + threadIdx.x); i < args.count; i += step) {
    const float value = to_f32(args.logits[i]);
    if (value > best.value) best = {value, i};
  }
  best = best_of_block(best, dynamic_shared<Candidate>());
  if (threadIdx.x == 0) args.candidates[blockIdx.x] = best;
}

__global__ void greedy_choice_kernel(GreedyArgs args) {
  let_next_start();
  wait_for_previous();
  Candidate best = args.candidates[threadIdx.x];
  best = best_of_block(best, dynamic_shared<Candidate>());
  if (threadIdx.x != 0) return;
  *args.token = best.index;
  const int position = *args.position + 1;
  *args.position = position;
  if (args.history != nullptr) args.history[position] = best.index;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
