// SPDX-License-Identifier: Apache-2.0
// Attention of one query (decode): one block a head, its scores and probabilities in shared memory. Invariant: the bits
// of attention_kernel. Lanes of a sum are threads, and chains run on fragments that come straight from device memory.
// Left to others: several queries (attention_kernel.cuh).
// NUMERICS CONTRACT attention/eager: attention_kernel.cuh, nothing added
//   order    A1 a chain: 16 keys are the rows of A, the query the column of B, 16 channels a step; by lanes: lane_sum/v1,
//            a lane a thread   A5 a chain: 16 channels are the rows of A, 16 keys a step; by lanes: a lane a warp
//   checked  tests/kernel/attention
#pragma once
#include "cuda/attention/attention_kernel.cuh"
#include "cuda/common/dependent_launch.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kMostRowThreads = 1024;
inline constexpr int kMostLaneTerms = 16;  ///< of one lane in a score

/// In the block's dynamic shared memory.
struct RowMemory {
  float* scores;   ///< [keys]: masked, then their exponentials
  float* lanes;    ///< [kMaxSumLanes][head_dim]: sums of the context
  float* reduced;  ///< [32]: of the warps
  bf16* probs;     ///< [keys]
};

__host__ __device__ constexpr size_t row_memory_bytes(int keys, int head_dim) {
  return (size_t(keys) + size_t(kMaxSumLanes) * size_t(head_dim) + 32) * sizeof(float) +
         (size_t(keys) + 16) * sizeof(bf16);
}

__device__ __forceinline__ RowMemory row_memory(int keys, int head_dim) {
  RowMemory memory;
  memory.lanes = dynamic_shared<float>();
  memory.reduced = memory.lanes + kMaxSumLanes * head_dim;
  memory.scores = memory.reduced + 32;
  memory.probs = reinterpret_cast<bf16*>(memory.scores + keys);
  return memory;
}

/// The score of `key`, stored and kept.
template <class Tap>
__device__ __forceinline__ void keep_score(const AttentionArgs& args, const RowMemory& memory, int head, int key,
                                           float sum, const Tap& tap) {
  memory.scores[key] = to_f32(store_score<Defect::none>(args, head, 0, key, sum, tap));
}

/// Term i of lane `lane`.
__device__ __forceinline__ int lane_term(const LaneOrder& order, int lane, int i) {
  return i / order.vector * order.lanes * order.vector + lane * order.vector + i % order.vector;
}

/// The sum over the lanes, in every lane of a group of order.lanes threads.
__device__ __forceinline__ float add_lanes(const LaneOrder& order, float sum PLUMBLINE_WHERE_PARAM) {
  if (!order.sequential) {
    for (int half = order.lanes / 2; half > 0; half /= 2)
      sum = __fadd_rn(sum, __shfl_xor_sync(kFullWarp, sum, half, 32 PLUMBLINE_WHERE_ARG));  // A2 of lane_sum
    return sum;
  }
  float total = __shfl_sync(kFullWarp, sum, 0, order.lanes PLUMBLINE_WHERE_ARG);
  for (int lane = 1; lane < order.lanes; ++lane)
    total = __fadd_rn(total, __shfl_sync(kFullWarp, sum, lane, order.lanes PLUMBLINE_WHERE_ARG));
  return total;
}

/// Continues the lane's chain over its terms of `k`, kWide neighbours a load; order.vector is a multiple of that.
template <int kWide>
__device__ __forceinline__ float lane_chain(const LaneOrder& order, int lane, int terms,
                                            const float (&q)[kMostLaneTerms], const bf16* k) {
  struct __align__(2 * kWide) Wide {
    bf16 value[kWide];
  };
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < kMostLaneTerms; i += kWide) {
    if (i >= terms) break;
    const Wide wide = *reinterpret_cast<const Wide*>(k + lane_term(order, lane, i));
#pragma unroll
    for (int j = 0; j < kWide; ++j) sum = __fmaf_rn(q[i + j], to_f32(wide.value[j]), sum);  // A1 R1 of lane_sum
  }
  return sum;
}

/// All scores of a head, a group of threads a key. All threads of the block call it.
template <int kWide, class Tap>
__device__ __forceinline__ void row_scores_by_lanes(const AttentionArgs& args, const RowMemory& memory, int head,
                                                    int kv_head, const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const LaneOrder order = args.scores;
  const int lane = int(threadIdx.x) % order.lanes, groups = int(blockDim.x) / order.lanes;
  const int terms = args.head_dim / order.lanes;
  float q[kMostLaneTerms];
#pragma unroll
  for (int i = 0; i < kMostLaneTerms; ++i)
    q[i] = i < terms ? to_f32(args.q[int64_t(head) * args.head_dim + lane_term(order, lane, i)]) : 0.0f;
  for (int first = 0; first < args.keys; first += groups) {
    const int key = first + int(threadIdx.x) / order.lanes;
    float sum = 0.0f;
    if (key < args.keys)
      sum = lane_chain<kWide>(order, lane, terms, q,
                              args.k_cache + (int64_t(key) * args.kv_heads + kv_head) * args.head_dim);
    sum = add_lanes(order, sum PLUMBLINE_WHERE_ARG);
    if (lane == 0 && key < args.keys) keep_score(args, memory, head, key, sum, tap);
  }
}

/// Four neighbours, zeros if there are none.
__device__ __forceinline__ uint2 four_or_zeros(const bf16* four, bool there) {
  return there ? *reinterpret_cast<const uint2*>(four) : make_uint2(0, 0);
}

/// The same in chains, a warp 16 keys.
template <class Tap>
__device__ __forceinline__ void row_scores_in_chains(const AttentionArgs& args, const RowMemory& memory, int head,
                                                     int kv_head, const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const int group = int(threadIdx.x) % 32 / 4, quad = int(threadIdx.x) % 4;
  const int64_t stride = int64_t(args.kv_heads) * args.head_dim;
  const bf16* q = args.q + int64_t(head) * args.head_dim + quad * 4;
  for (int first = int(threadIdx.x) / 32 * 16; first < args.keys; first += int(blockDim.x) / 32 * 16) {
    const int low_key = first + group, high_key = low_key + 8;
    const bf16* low = args.k_cache + low_key * stride + int64_t(kv_head) * args.head_dim + quad * 4;
    float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll 8
    for (int c = 0; c < args.head_dim; c += kStepDepth) {
      const uint2 a_low = four_or_zeros(low + c, low_key < args.keys);
      const uint2 a_high = four_or_zeros(low + 8 * stride + c, high_key < args.keys);
      const uint2 x = four_or_zeros(q + c, group == 0);
      const uint32_t a[4] = {a_low.x, a_high.x, a_low.y, a_high.y}, b[2] = {x.x, x.y};
      mma_m16n8k16(sums, a, b, sums PLUMBLINE_WHERE_ARG);  // A1
    }
    if (quad != 0) continue;
    if (low_key < args.keys) keep_score(args, memory, head, low_key, sums[0], tap);
    if (high_key < args.keys) keep_score(args, memory, head, high_key, sums[2], tap);
  }
}

/// From kept scores to probabilities. All threads of the block call it; the scores need a barrier before, the
/// probabilities one after it.
template <Arithmetic kArithmetic, class Tap>
__device__ __forceinline__ void row_softmax(const AttentionArgs& args, const RowMemory& memory, int head,
                                            const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const int thread = int(threadIdx.x), threads = int(blockDim.x);
  float largest = __uint_as_float(0xFF800000u);
  for (int key = thread; key < args.keys; key += threads) largest = max_f32(largest, memory.scores[key]);
  largest = warp_max(largest PLUMBLINE_WHERE_ARG);
  if (thread % 32 == 0) memory.reduced[thread / 32] = largest;
  PLUMBLINE_BLOCK_BARRIER();
  largest = memory.reduced[0];
  for (int warp = 1; warp < threads / 32; ++warp) largest = max_f32(largest, memory.reduced[warp]);  // A2
  for (int key = thread; key < args.keys; key += threads)
    memory.scores[key] = exp_of<kArithmetic>(__fsub_rn(memory.scores[key], largest));  // R4 R5
  PLUMBLINE_BLOCK_BARRIER();
  if (thread < 32) {
    float sum = 0.0f;
    for (int key = thread; key < args.keys; key += 32) sum = __fadd_rn(sum, memory.scores[key]);  // A3 R6
    sum = warp_sum(sum PLUMBLINE_WHERE_ARG);                                                      // A4 R6
    if (thread == 0) memory.reduced[0] = sum;
  }
  PLUMBLINE_BLOCK_BARRIER();
  const float sum = memory.reduced[0];
  for (int key = thread; key < args.keys; key += threads) {
    const int64_t index = int64_t(head) * args.keys + key;
    const float p = __fdiv_rn(memory.scores[key], sum);  // R7
    tap.store(AttentionTap::kProbs32, index, p);
    memory.probs[key] = args.probs[index] = to_bf16(p);  // R8
  }
}

/// The context of a head, a warp a lane and 64 channels. All threads of the block call it.
template <class Tap>
__device__ __forceinline__ void row_context_by_lanes(const AttentionArgs& args, const RowMemory& memory, int head,
                                                     int kv_head, const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const LaneOrder order = args.context;
  const int64_t stride = int64_t(args.kv_heads) * args.head_dim;
  const int parts = (args.head_dim + 63) / 64;
  for (int task = int(threadIdx.x) / 32; task < order.lanes * parts; task += int(blockDim.x) / 32) {
    const int lane = task / parts, channel = task % parts * 64 + int(threadIdx.x) % 32 * 2;
    if (channel >= args.head_dim) continue;
    const bf16* v = args.v_cache + int64_t(kv_head) * args.head_dim + channel;
    float even = 0.0f, odd = 0.0f;
    for (int first = lane * order.vector; first < args.keys; first += order.lanes * order.vector) {
      const int end = min(first + order.vector, args.keys);
#pragma unroll 4
      for (int key = first; key < end; ++key) {
        const uint32_t pair = *reinterpret_cast<const uint32_t*>(v + key * stride);
        const float p = to_f32(memory.probs[key]);
        even = __fmaf_rn(p, __uint_as_float(pair << 16), even);  // A1 R1 of lane_sum
        odd = __fmaf_rn(p, __uint_as_float(pair & 0xFFFF0000u), odd);
      }
    }
    memory.lanes[lane * args.head_dim + channel] = even;
    memory.lanes[lane * args.head_dim + channel + 1] = odd;
  }
  PLUMBLINE_BLOCK_BARRIER();
  for (int channel = int(threadIdx.x); channel < args.head_dim; channel += int(blockDim.x)) {
    float sums[kMaxSumLanes];
#pragma unroll
    for (int lane = 0; lane < kMaxSumLanes; ++lane)
      sums[lane] = lane < order.lanes ? memory.lanes[lane * args.head_dim + channel] : 0.0f;
#pragma unroll
    for (int half = kMaxSumLanes / 2; half > 0; half /= 2) {
#pragma unroll
      for (int lane = 0; lane < half; ++lane) {
        if (half < order.lanes) sums[lane] = __fadd_rn(sums[lane], sums[lane + half]);  // A2 R1 of lane_sum
      }
    }
    store_context(args, head, 0, channel, sums[0], tap);
  }
}

/// The same in chains, a warp 16 channels: rows g and g + 8 of A are the channels 2g and 2g + 1, one load of four bytes.
template <class Tap>
__device__ __forceinline__ void row_context_in_chains(const AttentionArgs& args, const RowMemory& memory, int head,
                                                      int kv_head, const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const int group = int(threadIdx.x) % 32 / 4, quad = int(threadIdx.x) % 4;
  const int64_t stride = int64_t(args.kv_heads) * args.head_dim;
  for (int first = int(threadIdx.x) / 32 * 16; first < args.head_dim; first += int(blockDim.x) / 32 * 16) {
    const bf16* v = args.v_cache + int64_t(kv_head) * args.head_dim + first + group * 2;
    float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll 8
    for (int key0 = 0; key0 < args.keys; key0 += kStepDepth) {
      uint32_t pair[4];
      bf16 p[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int key = key0 + quad * 4 + i;
        const bool there = key < args.keys;
        pair[i] = there ? *reinterpret_cast<const uint32_t*>(v + key * stride) : 0u;
        p[i] = there && group == 0 ? memory.probs[key] : bf16{0};
      }
      const auto low = [](uint32_t a, uint32_t b) { return (a & 0xFFFFu) | (b << 16); };
      const auto high = [](uint32_t a, uint32_t b) { return (a >> 16) | (b & 0xFFFF0000u); };
      const uint32_t a[4] = {low(pair[0], pair[1]), high(pair[0], pair[1]), low(pair[2], pair[3]),
                             high(pair[2], pair[3])};
      const uint32_t b[2] = {pack_bf16(p[0], p[1]), pack_bf16(p[2], p[3])};
      mma_m16n8k16(sums, a, b, sums PLUMBLINE_WHERE_ARG);  // A5
    }
    if (quad != 0) continue;
    store_context(args, head, 0, first + group * 2, sums[0], tap);
    store_context(args, head, 0, first + group * 2 + 1, sums[2], tap);
  }
}

template <class Tap>
__device__ __forceinline__ void row_scores(const AttentionArgs& args, const RowMemory& memory, int head, int kv_head,
                                           const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const LaneOrder& order = args.scores;
  if (order.lanes == 0) return row_scores_in_chains(args, memory, head, kv_head, tap PLUMBLINE_WHERE_ARG);
  if (order.vector % 8 == 0) return row_scores_by_lanes<8>(args, memory, head, kv_head, tap PLUMBLINE_WHERE_ARG);
  if (order.vector % 4 == 0) return row_scores_by_lanes<4>(args, memory, head, kv_head, tap PLUMBLINE_WHERE_ARG);
  row_scores_by_lanes<1>(args, memory, head, kv_head, tap PLUMBLINE_WHERE_ARG);
}

/// What depends on how many tokens came before, where that is known on the device only.
__device__ __forceinline__ void take_position(AttentionArgs& args) {
  args.first_position = *args.position;
  args.keys = args.first_position + 1;
  if (args.scores_by_keys != nullptr) args.scores = args.scores_by_keys[args.keys];
  if (args.context_by_keys != nullptr) args.context = args.context_by_keys[args.keys];
}

template <Arithmetic kArithmetic, class Tap>
__global__ void __launch_bounds__(kMostRowThreads) attention_row_kernel(AttentionArgs args, Tap tap) {
  let_next_start();
  wait_for_previous();
  const int head = int(blockIdx.x);
  const RowMemory memory = row_memory(args.keys, args.head_dim);
  if (args.position != nullptr) take_position(args);
  row_scores(args, memory, head, shared_head(args, head, args.modulo_keys), tap);
  __syncthreads();
  row_softmax<kArithmetic>(args, memory, head, tap);
  __syncthreads();
  const int value_head = shared_head(args, head, args.modulo_values);
  if (args.context.lanes > 0) {
    row_context_by_lanes(args, memory, head, value_head, tap);
  } else {
    row_context_in_chains(args, memory, head, value_head, tap);
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
