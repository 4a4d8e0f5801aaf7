// SPDX-License-Identifier: Apache-2.0
// Attention of one query (decode) in two launches: scores, a block 128 keys of a head; then softmax and context, a
// block 32 channels of a head. Every block of the second takes the whole softmax anew: cheaper than a third launch.
// Invariant: the bits of attention_kernel. Left to others: several queries (attention_kernel.cuh).
// NUMERICS CONTRACT attention/eager: attention_kernel.cuh, nothing added
//   order    A1 a chain: 16 keys are the rows of A, the query the column of B, 16 channels a step; by lanes:
//   lane_sum/v1,
//            a lane a thread   A5 a chain: 16 channels are the rows of A, 16 keys a step; by lanes: a lane a warp
//   checked  tests/kernel/attention
#pragma once
#include "cuda/attention/attention_kernel.cuh"
#include "cuda/common/dependent_launch.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kScoreThreads = 256;
inline constexpr int kKeysOfBlock = kScoreThreads / 32 * 16;
inline constexpr int kMostLaneTerms = 16;    ///< of one lane in a score
inline constexpr int kContextChannels = 32;  ///< of a block
inline constexpr int kMostContextThreads = 1024;

/// Term i of lane `lane`.
__device__ __forceinline__ int lane_term(const LaneOrder& order, int lane, int i) {
  return i / order.vector * order.lanes * order.vector + lane * order.vector + i % order.vector;
}

inline constexpr int kScoresAtOnce = 4;  ///< of one group of threads, so that their loads and sums overlap

/// The sums over the lanes, in every lane of a group of order.lanes threads.
__device__ __forceinline__ void add_lanes(const LaneOrder& order, float (&sums)[kScoresAtOnce] PLUMBLINE_WHERE_PARAM) {
  if (!order.sequential) {
    for (int half = order.lanes / 2; half > 0; half /= 2) {
#pragma unroll
      for (float& sum : sums)
        sum = __fadd_rn(sum, __shfl_xor_sync(kFullWarp, sum, half, 32 PLUMBLINE_WHERE_ARG));  // A2 of lane_sum
    }
    return;
  }
  float totals[kScoresAtOnce];
#pragma unroll
  for (int i = 0; i < kScoresAtOnce; ++i)
    totals[i] = __shfl_sync(kFullWarp, sums[i], 0, order.lanes PLUMBLINE_WHERE_ARG);
  for (int lane = 1; lane < order.lanes; ++lane) {
#pragma unroll
    for (int i = 0; i < kScoresAtOnce; ++i)
      totals[i] = __fadd_rn(totals[i], __shfl_sync(kFullWarp, sums[i], lane, order.lanes PLUMBLINE_WHERE_ARG));
  }
#pragma unroll
  for (int i = 0; i < kScoresAtOnce; ++i) sums[i] = totals[i];
}

template <int kWide>
struct __align__(2 * kWide) Neighbours {
  bf16 value[kWide];
};

/// The terms of one lane, kWide neighbours a load; order.vector is a multiple of that. Zeros past `terms`.
template <int kWide>
__device__ __forceinline__ void load_terms(const LaneOrder& order, int lane, int terms, const bf16* row,
                                           Neighbours<kWide> (&values)[kMostLaneTerms / kWide]) {
#pragma unroll
  for (int i = 0; i < kMostLaneTerms; i += kWide) {
    if (i < terms) {
      values[i / kWide] = *reinterpret_cast<const Neighbours<kWide>*>(row + lane_term(order, lane, i));
    } else {
      values[i / kWide] = {};
    }
  }
}

/// The block's scores by lanes, a group of threads a key. All threads of the block call it.
template <int kWide, class Tap>
__device__ __forceinline__ void row_scores_by_lanes(const AttentionArgs& args, int head, int kv_head, int first_key,
                                                    const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const LaneOrder order = args.scores;
  const int lane = int(threadIdx.x) % order.lanes, groups = int(blockDim.x) / order.lanes;
  const int terms = args.head_dim / order.lanes;
  Neighbours<kWide> q[kMostLaneTerms / kWide];
  load_terms(order, lane, terms, args.q + int64_t(head) * args.head_dim, q);
  const int last_key = min(first_key + kKeysOfBlock, args.keys);
  for (int first = first_key; first < last_key; first += groups * kScoresAtOnce) {
    const int key = first + int(threadIdx.x) / order.lanes;
    Neighbours<kWide> k[kScoresAtOnce][kMostLaneTerms / kWide];
    float sums[kScoresAtOnce] = {};
#pragma unroll
    for (int n = 0; n < kScoresAtOnce; ++n)
      load_terms(
          order, lane, terms,
          args.k_cache + (int64_t(min(key + n * groups, last_key - 1)) * args.kv_heads + kv_head) * args.head_dim,
          k[n]);
#pragma unroll
    for (int i = 0; i < kMostLaneTerms; ++i) {
#pragma unroll
      for (int n = 0; n < kScoresAtOnce; ++n) {
        if (i < terms)
          sums[n] = __fmaf_rn(to_f32(q[i / kWide].value[i % kWide]), to_f32(k[n][i / kWide].value[i % kWide]), sums[n]);
      }
    }
    add_lanes(order, sums PLUMBLINE_WHERE_ARG);
#pragma unroll
    for (int n = 0; n < kScoresAtOnce; ++n) {
      if (lane == 0 && key + n * groups < last_key)
        store_score<Defect::none>(args, head, 0, key + n * groups, sums[n], tap);
    }
  }
}

/// The same in chains, a warp 16 keys. Past the last key a warp reads that one again: nobody's score.
template <class Tap>
__device__ __forceinline__ void row_scores_in_chains(const AttentionArgs& args, int head, int kv_head, int first_key,
                                                     const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const int group = int(threadIdx.x) % 32 / 4, quad = int(threadIdx.x) % 4;
  const int low_key = first_key + int(threadIdx.x) / 32 * 16 + group, high_key = low_key + 8;
  if (low_key - group >= args.keys) return;
  const bf16* q = args.q + int64_t(head) * args.head_dim + quad * 4;
  const auto row = [&](int key) {
    return args.k_cache + (int64_t(min(key, args.keys - 1)) * args.kv_heads + kv_head) * args.head_dim + quad * 4;
  };
  const bf16 *low = row(low_key), *high = row(high_key);
  float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll 8
  for (int c = 0; c < args.head_dim; c += kStepDepth) {
    const uint2 a_low = *reinterpret_cast<const uint2*>(low + c), a_high = *reinterpret_cast<const uint2*>(high + c);
    const uint2 x = *reinterpret_cast<const uint2*>(q + c);
    const uint32_t a[4] = {a_low.x, a_high.x, a_low.y, a_high.y}, b[2] = {x.x, x.y};
    mma_m16n8k16(sums, a, b, sums PLUMBLINE_WHERE_ARG);  // A1
  }
  if (quad != 0) return;
  if (low_key < args.keys) store_score<Defect::none>(args, head, 0, low_key, sums[0], tap);
  if (high_key < args.keys) store_score<Defect::none>(args, head, 0, high_key, sums[2], tap);
}

/// What depends on how many tokens came before, where that is known on the device only. It may be read before the
/// launches before this one have ended: the position was written at the end of the step before, and of the launches in
/// between at least the products over few rows let their successor start only after they have waited themselves.
__device__ __forceinline__ void take_position(AttentionArgs& args) {
  if (args.position == nullptr) return;
  args.first_position = *args.position;
  args.keys = args.first_position + 1;
  if (args.scores_by_keys != nullptr) args.scores = args.scores_by_keys[args.keys];
  if (args.context_by_keys != nullptr) args.context = args.context_by_keys[args.keys];
}

template <class Tap>
__global__ void __launch_bounds__(kScoreThreads) row_scores_kernel(AttentionArgs args, Tap tap) {
  let_next_start();
  take_position(args);
  wait_for_previous();
  const int head = int(blockIdx.y), first_key = int(blockIdx.x) * kKeysOfBlock;
  const int kv_head = shared_head(args, head, args.modulo_keys);
  if (first_key >= args.keys) return;
  if (args.scores.lanes == 0) {
    row_scores_in_chains(args, head, kv_head, first_key, tap);
  } else if (args.scores.vector % 8 == 0) {
    row_scores_by_lanes<8>(args, head, kv_head, first_key, tap);
  } else if (args.scores.vector % 4 == 0) {
    row_scores_by_lanes<4>(args, head, kv_head, first_key, tap);
  } else {
    row_scores_by_lanes<1>(args, head, kv_head, first_key, tap);
  }
}

/// In the block's dynamic shared memory.
struct RowMemory {
  float* lanes;    ///< [kMaxSumLanes][kContextChannels]: sums of the context
  float* reduced;  ///< [32]: of the warps
  float* powers;   ///< [keys]: masked scores, then their exponentials
  bf16* probs;     ///< [keys, to the next multiple of a step]
};

__host__ __device__ constexpr size_t row_memory_bytes(int keys) {
  return (size_t(keys) + kMaxSumLanes * kContextChannels + 32) * sizeof(float) +
         (size_t(keys) + kStepDepth) * sizeof(bf16);
}

__device__ __forceinline__ RowMemory row_memory(int keys) {
  RowMemory memory;
  memory.lanes = dynamic_shared<float>();
  memory.reduced = memory.lanes + kMaxSumLanes * kContextChannels;
  memory.powers = memory.reduced + 32;
  memory.probs = reinterpret_cast<bf16*>(memory.powers + keys);
  return memory;
}

/// From the head's masked scores to its probabilities, zeros behind them. All threads of the block call it; a barrier
/// must follow. `records`: whether this block writes them and their taps.
template <Arithmetic kArithmetic, class Tap>
__device__ __forceinline__ void row_softmax(const AttentionArgs& args, const RowMemory& memory, int head, bool records,
                                            const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const int thread = int(threadIdx.x), threads = int(blockDim.x);
  const int64_t first = int64_t(head) * args.keys;
  float largest = __uint_as_float(0xFF800000u);
  for (int key = thread; key < args.keys; key += threads) {
    memory.powers[key] = to_f32(args.masked[first + key]);
    largest = max_f32(largest, memory.powers[key]);
  }
  largest = warp_max(largest PLUMBLINE_WHERE_ARG);
  if (thread % 32 == 0) memory.reduced[thread / 32] = largest;
  PLUMBLINE_BLOCK_BARRIER();
  largest = warp_max(memory.reduced[thread % 32 < threads / 32 ? thread % 32 : 0] PLUMBLINE_WHERE_ARG);  // A2
  for (int key = thread; key < args.keys; key += threads)
    memory.powers[key] = exp_of<kArithmetic>(__fsub_rn(memory.powers[key], largest));  // R4 R5
  PLUMBLINE_BLOCK_BARRIER();
  float sum = 0.0f;
#pragma unroll 8
  for (int key = thread % 32; key < args.keys; key += 32) sum = __fadd_rn(sum, memory.powers[key]);  // A3 R6
  sum = warp_sum(sum PLUMBLINE_WHERE_ARG);                                                           // A4 R6
  for (int key = thread; key < args.keys + kStepDepth; key += threads) {
    if (key >= args.keys) {
      memory.probs[key] = bf16{0};
      continue;
    }
    const float p = __fdiv_rn(memory.powers[key], sum);  // R7
    memory.probs[key] = to_bf16(p);                      // R8
    if (!records) continue;
    tap.store(AttentionTap::kProbs32, first + key, p);
    args.probs[first + key] = memory.probs[key];
  }
}

/// One lane's part of the context of one channel, eight loads at a time.
__device__ __forceinline__ float context_lane(const LaneOrder& order, int lane, int keys, const bf16* probs,
                                              const bf16* v, int64_t stride) {
  constexpr int kLoads = 8;
  float sum = 0.0f;
  int key = lane * order.vector, within = 0;
  while (key < keys) {
    bf16 value[kLoads];
    float p[kLoads];
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const bool there = key < keys;
      value[i] = v[there ? key * stride : 0];
      p[i] = there ? to_f32(probs[key]) : -1.0f;  // no probability
      ++key;
      if (++within == order.vector) {
        within = 0;
        key += (order.lanes - 1) * order.vector;
      }
    }
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      if (p[i] != -1.0f) sum = __fmaf_rn(p[i], to_f32(value[i]), sum);  // A1 R1 of lane_sum
    }
  }
  return sum;
}

/// The context of the block's channels, a warp a lane. All threads of the block call it.
template <class Tap>
__device__ __forceinline__ void row_context_by_lanes(const AttentionArgs& args, const RowMemory& memory, int head,
                                                     int kv_head, const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const LaneOrder order = args.context;
  const int within = int(threadIdx.x) % 32, channel = int(blockIdx.x) * kContextChannels + within;
  const bf16* v = args.v_cache + int64_t(kv_head) * args.head_dim + min(channel, args.head_dim - 1);
  for (int lane = int(threadIdx.x) / 32; lane < order.lanes; lane += int(blockDim.x) / 32)
    memory.lanes[lane * kContextChannels + within] =
        context_lane(order, lane, args.keys, memory.probs, v, int64_t(args.kv_heads) * args.head_dim);
  PLUMBLINE_BLOCK_BARRIER();
  if (threadIdx.x >= kContextChannels || channel >= args.head_dim) return;
  float sums[kMaxSumLanes];
#pragma unroll
  for (int lane = 0; lane < kMaxSumLanes; ++lane)
    sums[lane] = lane < order.lanes ? memory.lanes[lane * kContextChannels + within] : 0.0f;
#pragma unroll
  for (int half = kMaxSumLanes / 2; half > 0; half /= 2) {
#pragma unroll
    for (int lane = 0; lane < half; ++lane) {
      if (half < order.lanes) sums[lane] = __fadd_rn(sums[lane], sums[lane + half]);  // A2 R1 of lane_sum
    }
  }
  store_context(args, head, 0, channel, sums[0], tap);
}

/// The same in chains, a warp 16 channels: rows g and g + 8 of A are the channels 2g and 2g + 1, one load of four
/// bytes.
template <class Tap>
__device__ __forceinline__ void row_context_in_chains(const AttentionArgs& args, const RowMemory& memory, int head,
                                                      int kv_head, const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const int warp = int(threadIdx.x) / 32, group = int(threadIdx.x) % 32 / 4, quad = int(threadIdx.x) % 4;
  const int first = int(blockIdx.x) * kContextChannels + warp * 16;
  if (warp * 16 >= kContextChannels || first >= args.head_dim) return;
  const int64_t stride = int64_t(args.kv_heads) * args.head_dim;
  const bf16* v = args.v_cache + int64_t(kv_head) * args.head_dim + first + group * 2;
  float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll 8
  for (int key0 = 0; key0 < args.keys; key0 += kStepDepth) {
    uint32_t pair[4];
    bf16 p[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int key = key0 + quad * 4 + i;
      pair[i] = *reinterpret_cast<const uint32_t*>(v + min(key, args.keys - 1) * stride);
      if (key >= args.keys) pair[i] = 0u;
      p[i] = memory.probs[key];
    }
    const auto low = [](uint32_t a, uint32_t b) { return (a & 0xFFFFu) | (b << 16); };
    const auto high = [](uint32_t a, uint32_t b) { return (a >> 16) | (b & 0xFFFF0000u); };
    const uint32_t a[4] = {low(pair[0], pair[1]), high(pair[0], pair[1]), low(pair[2], pair[3]),
                           high(pair[2], pair[3])};
    const uint32_t b[2] = {pack_bf16(p[0], p[1]), pack_bf16(p[2], p[3])};
    mma_m16n8k16(sums, a, b, sums PLUMBLINE_WHERE_ARG);  // A5
  }
  if (quad != 0) return;
  store_context(args, head, 0, first + group * 2, sums[0], tap);
  store_context(args, head, 0, first + group * 2 + 1, sums[2], tap);
}

template <Arithmetic kArithmetic, class Tap>
__global__ void __launch_bounds__(kMostContextThreads) row_context_kernel(AttentionArgs args, Tap tap) {
  const RowMemory memory = row_memory(args.keys);
  take_position(args);
  wait_for_previous();
  const int head = int(blockIdx.y);
  row_softmax<kArithmetic>(args, memory, head, blockIdx.x == 0, tap);
  let_next_start();
  __syncthreads();
  const int kv_head = shared_head(args, head, args.modulo_values);
  if (args.context.lanes > 0) {
    row_context_by_lanes(args, memory, head, kv_head, tap);
  } else {
    row_context_in_chains(args, memory, head, kv_head, tap);
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
