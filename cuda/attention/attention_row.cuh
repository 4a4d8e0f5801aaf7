// SPDX-License-Identifier: Apache-2.0
// Attention of one query (decode) in two launches: scores, a block 128 keys of a head; then softmax and context, a
// block 16 channels of a head. Every block of the second takes the whole softmax anew: cheaper than a third launch.
// What earlier steps have put into the caches is fetched before the launch ahead has ended, the newest row afterwards.
// Invariant: the bits of attention_kernel. Left to others: several queries (attention_kernel.cuh).
// NUMERICS CONTRACT attention/eager: attention_kernel.cuh, nothing added
//   order    A1 a chain: 16 keys are the rows of A, the query the column of B, 16 channels a step; by lanes:
//            lane_sum/v1, a key a thread   A5 a chain: 16 channels are the rows of A, 16 keys a step; by lanes: a lane
//            a warp
//   checked  tests/kernel/attention
#pragma once
#include "cuda/attention/attention_kernel.cuh"
#include "cuda/common/dependent_launch.h"
#include "cuda/common/staged_copy.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kScoreThreads = 128;  ///< a key each
inline constexpr int kKeysOfBlock = kScoreThreads;
inline constexpr int kMostRowHeadDim = 256;  ///< the rows of a block's keys fit into its shared memory
#if defined(__CUDACC__)
inline constexpr int kContextChannels = 16;  ///< of a block
inline constexpr int kContextThreads = 256;
#else
inline constexpr int kContextChannels = 64;  ///< the twin's blocks and threads cost more than what they do here
inline constexpr int kContextThreads = 128;
#endif
inline constexpr int kMostStagedKeys = 1024;  ///< whose values a block holds in shared memory
#if !defined(__CUDACC__)
static_assert(kMostStagedKeys * (kContextChannels / 8) <= kMostPieces * kContextThreads, "pieces that the twin keeps");
#endif
inline constexpr int kRowPad = 8;  ///< elements behind a row there: 16-byte loads of 8 rows meet all banks

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

/// Starts the copies of `rows` rows of `width` neighbours to shared memory, `stride` elements apart there, and closes
/// them; row_of(r) is row r in device memory. Only what no launch since the step before writes: the caches' older rows.
/// All threads of the block call it; `width` is a multiple of 8.
template <class RowOf>
__device__ __forceinline__ void fetch_rows(int rows, int width, int stride, bf16* shared, const RowOf& row_of) {
  const int pieces = width / 8;
  for (int i = int(threadIdx.x); i < rows * pieces; i += int(blockDim.x))
    copy_piece(shared + i / pieces * stride + i % pieces * 8, row_of(i / pieces) + i % pieces * 8, true);
  close_copies();
}

/// The thread's part of one row more: loaded now, stored when its place is given, so that other loads need not wait.
class LateRow {
 public:
  __device__ __forceinline__ LateRow(int width, const bf16* row) : has_(int(threadIdx.x) * 8 < width) {
    if (has_) piece_ = *reinterpret_cast<const uint4*>(row + int(threadIdx.x) * 8);
  }
  __device__ __forceinline__ void put(bf16* shared) const {
    if (has_) *reinterpret_cast<uint4*>(shared + int(threadIdx.x) * 8) = piece_;
  }

 private:
  const bool has_;
  uint4 piece_{};
};

/// In the block's dynamic shared memory.
struct ScoreMemory {
  float* q;    ///< [head_dim]
  bf16* keys;  ///< [kKeysOfBlock], rows head_dim + kRowPad apart
};

__host__ __device__ constexpr size_t score_memory_bytes(int head_dim) {
  return size_t(head_dim) * sizeof(float) + size_t(kKeysOfBlock) * size_t(head_dim + kRowPad) * sizeof(bf16);
}

/// The score of one key by lanes, all of them in this thread's registers.
template <int kLanes, int kVector>
__device__ __forceinline__ float score_by_lanes(const float* q, const bf16* key, int head_dim, bool sequential) {
  constexpr int kTerms = kLanes * kVector;
  static_assert(kTerms % 8 == 0);
  float sums[kLanes] = {};
  for (int c = 0; c < head_dim; c += kTerms) {
#pragma unroll
    for (int t = 0; t < kTerms; t += 4) {
      const float4 four = *reinterpret_cast<const float4*>(q + c + t);
      const float a[4] = {four.x, four.y, four.z, four.w};
      float b[4];
      unpack_four(load_four(key + c + t), b);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float& sum = sums[(t + i) / kVector % kLanes];
        sum = __fmaf_rn(a[i], b[i], sum);  // A1 R1 of lane_sum
      }
    }
  }
  if (sequential) {
#pragma unroll
    for (int lane = 1; lane < kLanes; ++lane) sums[0] = __fadd_rn(sums[0], sums[lane]);  // A2 R1 of lane_sum
    return sums[0];
  }
  return halves_sum<kLanes>(sums);  // A2 R1 of lane_sum
}

/// The orders that LibTorch has (pipeline/torch_orders.cpp) in registers, any other one as well, slower.
__device__ __forceinline__ float score_by_lanes(const LaneOrder& order, const float* q, const bf16* key, int head_dim) {
  const auto is = [&](int lanes, int vector) {
    return order.lanes == lanes && order.vector == vector && head_dim % (lanes * vector) == 0;
  };
  if (is(16, 8)) return score_by_lanes<16, 8>(q, key, head_dim, order.sequential);
  if (is(32, 4)) return score_by_lanes<32, 4>(q, key, head_dim, order.sequential);
  if (is(16, 1)) return score_by_lanes<16, 1>(q, key, head_dim, order.sequential);
  if (is(8, 1)) return score_by_lanes<8, 1>(q, key, head_dim, order.sequential);
  if (is(16, 4)) return score_by_lanes<16, 4>(q, key, head_dim, order.sequential);
  if (is(4, 16)) return score_by_lanes<4, 16>(q, key, head_dim, order.sequential);
  return lane_sum(order, head_dim, [&](int c, float before) { return __fmaf_rn(q[c], to_f32(key[c]), before); });
}

/// The block's scores in chains, 16 keys a warp at a time. Past the last key a warp reads that one again: nobody's
/// score.
template <bool kExtras, class Tap>
__device__ __forceinline__ void row_scores_in_chains(const AttentionArgs& args, const bf16* keys, int head,
                                                     int first_key, const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const int group = int(threadIdx.x) % 32 / 4, quad = int(threadIdx.x) % 4,
            count = min(kKeysOfBlock, args.keys - first_key);
  const bf16* q = args.q + int64_t(head) * args.head_dim + quad * 4;
  const int stride = args.head_dim + kRowPad;
  for (int key0 = int(threadIdx.x) / 32 * 16; key0 < count; key0 += kScoreThreads / 32 * 16) {
    const int low_key = key0 + group, high_key = low_key + 8;
    const bf16 *low = keys + min(low_key, count - 1) * stride + quad * 4,
               *high = keys + min(high_key, count - 1) * stride + quad * 4;
    float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll 8
    for (int c = 0; c < args.head_dim; c += kStepDepth) {
      const uint2 a_low = load_four(low + c), a_high = load_four(high + c), x = load_four(q + c);
      const uint32_t a[4] = {a_low.x, a_high.x, a_low.y, a_high.y}, b[2] = {x.x, x.y};
      mma_m16n8k16(sums, a, b, sums PLUMBLINE_WHERE_ARG);  // A1
    }
    if (quad != 0) continue;
    if (low_key < count) store_score<Defect::none, kExtras>(args, head, 0, first_key + low_key, sums[0], tap);
    if (high_key < count) store_score<Defect::none, kExtras>(args, head, 0, first_key + high_key, sums[2], tap);
  }
}

template <bool kExtras, class Tap>
__global__ void __launch_bounds__(kScoreThreads) row_scores_kernel(AttentionArgs args, Tap tap) {
  let_next_start();
  take_position(args);
  const int head = int(blockIdx.y), first_key = int(blockIdx.x) * kKeysOfBlock, newest = args.keys - 1;
  if (first_key >= args.keys) {
    wait_for_previous();
    return;
  }
  const int kv_head = shared_head(args, head, args.modulo_keys), stride = args.head_dim + kRowPad;
  const ScoreMemory memory{dynamic_shared<float>(), reinterpret_cast<bf16*>(dynamic_shared<float>() + args.head_dim)};
  const auto row_of = [&](int r) {
    return args.k_cache + (int64_t(first_key + r) * args.kv_heads + kv_head) * args.head_dim;
  };
  fetch_rows(min(kKeysOfBlock, newest - first_key), args.head_dim, stride, memory.keys, row_of);
  wait_for_previous();
  const bool has_newest = newest < first_key + kKeysOfBlock;
  const LateRow newest_row(has_newest ? args.head_dim : 0, row_of(newest - first_key));
  for (int c = int(threadIdx.x); c < args.head_dim; c += kScoreThreads)
    memory.q[c] = to_f32(args.q[int64_t(head) * args.head_dim + c]);
  newest_row.put(memory.keys + (newest - first_key) * stride);
  wait_for_closed<0>();
  __syncthreads();
  if (args.scores.lanes == 0) return row_scores_in_chains<kExtras>(args, memory.keys, head, first_key, tap);
  const int key = first_key + int(threadIdx.x);
  if (key >= args.keys) return;
  const float sum = score_by_lanes(args.scores, memory.q, memory.keys + int(threadIdx.x) * stride, args.head_dim);
  store_score<Defect::none, kExtras>(args, head, 0, key, sum, tap);
}

/// In the block's dynamic shared memory.
struct RowMemory {
  bf16* values;    ///< [up to kMostStagedKeys][kContextChannels + kRowPad]
  float* lanes;    ///< [kMaxSumLanes][kContextChannels]: sums of the context
  float* reduced;  ///< [32]: of the warps
  float* powers;   ///< [keys, to the next multiple of 4]: masked scores, then their exponentials
  float* probs;    ///< [keys + kStepDepth]: rounded to bf16, zeros behind them; 16-byte aligned
};

inline constexpr int kValueStride = kContextChannels + kRowPad;

/// For up to `keys` keys.
__host__ __device__ constexpr int staged_keys(int keys) { return keys < kMostStagedKeys ? keys : kMostStagedKeys; }
__host__ __device__ constexpr int power_count(int keys) { return (keys + 3) / 4 * 4; }
__host__ __device__ constexpr size_t row_memory_bytes(int keys) {
  return size_t(staged_keys(keys)) * kValueStride * sizeof(bf16) +
         (size_t(kMaxSumLanes) * kContextChannels + 32 + 2 * size_t(power_count(keys)) + kStepDepth) * sizeof(float);
}

__device__ __forceinline__ RowMemory row_memory(int keys) {
  RowMemory memory;
  memory.values = dynamic_shared<bf16>();
  memory.lanes = reinterpret_cast<float*>(memory.values + staged_keys(keys) * kValueStride);
  memory.reduced = memory.lanes + kMaxSumLanes * kContextChannels;
  memory.powers = memory.reduced + 32;
  memory.probs = memory.powers + power_count(keys);
  return memory;
}

/// From the head's masked scores to its probabilities, zeros behind them. All threads of the block call it; a barrier
/// must follow. Lets the next launch start once its loads have come: what that one fetches would delay them. `records`:
/// whether this block writes them and their taps.
template <Arithmetic kArithmetic, class Tap>
__device__ __forceinline__ void row_softmax(const AttentionArgs& args, const RowMemory& memory, int head, bool records,
                                            const Tap& tap PLUMBLINE_WHERE_PARAM) {
  constexpr int kWarps = kContextThreads / 32;
  const int thread = int(threadIdx.x);
  const int64_t first = int64_t(head) * args.keys;
  float largest = __uint_as_float(0xFF800000u);
#pragma unroll 4
  for (int key = thread; key < args.keys; key += kContextThreads) {
    memory.powers[key] = to_f32(args.masked[first + key]);
    largest = max_f32(largest, memory.powers[key]);
  }
  largest = warp_max(largest PLUMBLINE_WHERE_ARG);
  if (thread % 32 == 0) memory.reduced[thread / 32] = largest;
  let_next_start();
  PLUMBLINE_BLOCK_BARRIER();
  largest = warp_max(memory.reduced[thread % 32 < kWarps ? thread % 32 : 0] PLUMBLINE_WHERE_ARG);  // A2
#pragma unroll 1
  for (int key = thread; key < args.keys; key += kContextThreads)
    memory.powers[key] = exp_of<kArithmetic>(__fsub_rn(memory.powers[key], largest));  // R4 R5
  PLUMBLINE_BLOCK_BARRIER();
  float sum = 0.0f;
#pragma unroll 8
  for (int key = thread % 32; key < args.keys; key += 32) sum = __fadd_rn(sum, memory.powers[key]);  // A3 R6
  sum = warp_sum(sum PLUMBLINE_WHERE_ARG);                                                           // A4 R6
#pragma unroll 1
  for (int key = thread; key < args.keys + kStepDepth; key += kContextThreads) {
    if (key >= args.keys) {
      memory.probs[key] = 0.0f;
      continue;
    }
    const float p = __fdiv_rn(memory.powers[key], sum);  // R7
    const bf16 rounded = to_bf16(p);                     // R8
    memory.probs[key] = to_f32(rounded);
    if (!records) continue;
    tap.store(AttentionTap::kProbs32, first + key, p);
    args.probs[first + key] = rounded;
  }
}

/// The values of the block's channels: row of a key, `stride` elements apart.
struct ValueRows {
  const bf16* data;
  int64_t stride;
};

/// The sums of two neighbouring channels.
struct TwoSums {
  float low = 0.0f, high = 0.0f;

  __device__ __forceinline__ void add(float p, uint32_t values) {
    low = __fmaf_rn(p, __uint_as_float(values << 16), low);  // A1 R1 of lane_sum
    high = __fmaf_rn(p, __uint_as_float(values & 0xFFFF0000u), high);
  }
};

/// One of kLanes lanes, its terms kVector at a time; `v` has the two channels.
template <int kLanes, int kVector>
__device__ __forceinline__ TwoSums context_lane(int lane, int keys, const float* probs, const bf16* v, int64_t stride) {
  TwoSums sums;
#pragma unroll 4
  for (int first = lane * kVector; first < keys; first += kLanes * kVector) {
    float p[kVector];
    uint32_t values[kVector];
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      p[i] = probs[first + i];
      values[i] = *reinterpret_cast<const uint32_t*>(v + min(first + i, keys - 1) * stride);
    }
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      if (first + i < keys) sums.add(p[i], values[i]);
    }
  }
  return sums;
}

/// The orders that LibTorch has (pipeline/torch_orders.cpp) in few instructions, any other one as well.
__device__ __forceinline__ TwoSums context_lane(const LaneOrder& order, int lane, int keys, const float* probs,
                                                const bf16* v, int64_t stride) {
  if (order.lanes == 32 && order.vector == 4) return context_lane<32, 4>(lane, keys, probs, v, stride);
  if (order.lanes == 32 && order.vector == 1) return context_lane<32, 1>(lane, keys, probs, v, stride);
  TwoSums sums;
  for (int first = lane * order.vector; first < keys; first += order.lanes * order.vector) {
    for (int key = first; key < min(first + order.vector, keys); ++key)
      sums.add(probs[key], *reinterpret_cast<const uint32_t*>(v + key * stride));
  }
  return sums;
}

/// A2 of lane_sum over a channel's lanes, kContextChannels apart in shared memory, which is overwritten.
__device__ __forceinline__ float joined_lanes(const LaneOrder& order, float* lanes) {
  if (order.lanes == kMaxSumLanes && !order.sequential) {
    float sums[kMaxSumLanes];
#pragma unroll
    for (int lane = 0; lane < kMaxSumLanes; ++lane) sums[lane] = lanes[lane * kContextChannels];
    return halves_sum<kMaxSumLanes>(sums);  // R1
  }
  if (order.sequential) {
    for (int lane = 1; lane < order.lanes; ++lane)
      lanes[0] = __fadd_rn(lanes[0], lanes[lane * kContextChannels]);  // A2 R1
    return lanes[0];
  }
  for (int half = order.lanes / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane)
      lanes[lane * kContextChannels] =
          __fadd_rn(lanes[lane * kContextChannels], lanes[(lane + half) * kContextChannels]);  // A2 R1
  }
  return lanes[0];
}

/// The context of the block's channels, two neighbours and a lane at a time. All threads of the block call it.
template <class Tap>
__device__ __forceinline__ void row_context_by_lanes(const AttentionArgs& args, const RowMemory& memory,
                                                     const ValueRows& v, int head,
                                                     const Tap& tap PLUMBLINE_WHERE_PARAM) {
  constexpr int kPairs = kContextChannels / 2;
  const LaneOrder order = args.context;
  const int first = int(blockIdx.x) * kContextChannels, channels = min(kContextChannels, args.head_dim - first);
  for (int i = int(threadIdx.x); i < order.lanes * kPairs; i += kContextThreads) {
    const int lane = i / kPairs, channel = i % kPairs * 2;
    if (channel >= channels) continue;
    const TwoSums sums = context_lane(order, lane, args.keys, memory.probs, v.data + channel, v.stride);
    memory.lanes[lane * kContextChannels + channel] = sums.low;
    memory.lanes[lane * kContextChannels + channel + 1] = sums.high;
  }
  PLUMBLINE_BLOCK_BARRIER();
  static_assert(kContextChannels <= kContextThreads, "a channel a thread");
  const int channel = int(threadIdx.x);
  if (channel >= channels) return;
  store_context(args, head, 0, first + channel, joined_lanes(order, memory.lanes + channel), tap);
}

/// The same in chains, a warp 16 channels: rows g and g + 8 of A are the channels 2g and 2g + 1, one load of four
/// bytes.
template <class Tap>
__device__ __forceinline__ void row_context_in_chains(const AttentionArgs& args, const RowMemory& memory,
                                                      const ValueRows& v, int head,
                                                      const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const int warp = int(threadIdx.x) / 32, group = int(threadIdx.x) % 32 / 4, quad = int(threadIdx.x) % 4;
  const int first = int(blockIdx.x) * kContextChannels + warp * 16;
  if (warp * 16 >= kContextChannels || first >= args.head_dim) return;
  const bf16* mine = v.data + warp * 16 + group * 2;
  float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll 8
  for (int key0 = 0; key0 < args.keys; key0 += kStepDepth) {
    uint32_t pair[4], p[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int key = key0 + quad * 4 + i;
      pair[i] = *reinterpret_cast<const uint32_t*>(mine + min(key, args.keys - 1) * v.stride);
      if (key >= args.keys) pair[i] = 0u;
      p[i] = __float_as_uint(memory.probs[key]) >> 16;
    }
    const auto low = [](uint32_t a, uint32_t b) { return (a & 0xFFFFu) | (b << 16); };
    const auto high = [](uint32_t a, uint32_t b) { return (a >> 16) | (b & 0xFFFF0000u); };
    const uint32_t a[4] = {low(pair[0], pair[1]), high(pair[0], pair[1]), low(pair[2], pair[3]),
                           high(pair[2], pair[3])};
    const uint32_t b[2] = {p[0] | p[1] << 16, p[2] | p[3] << 16};
    mma_m16n8k16(sums, a, b, sums PLUMBLINE_WHERE_ARG);  // A5
  }
  if (quad != 0) return;
  store_context(args, head, 0, first + group * 2, sums[0], tap);
  store_context(args, head, 0, first + group * 2 + 1, sums[2], tap);
}

template <class Tap>
__device__ __forceinline__ void row_context(const AttentionArgs& args, const RowMemory& memory, const ValueRows& v,
                                            int head, const Tap& tap PLUMBLINE_WHERE_PARAM) {
  if (args.context.lanes > 0) return row_context_by_lanes(args, memory, v, head, tap PLUMBLINE_WHERE_ARG);
  row_context_in_chains(args, memory, v, head, tap PLUMBLINE_WHERE_ARG);
}

/// Only with kLong may there be more keys than a block stages: instructions that are not there need not be fetched.
template <Arithmetic kArithmetic, bool kLong, class Tap>
__global__ void __launch_bounds__(kContextThreads) row_context_kernel(AttentionArgs args, Tap tap) {
  const RowMemory memory = row_memory(args.keys);  // the capacity, where a position is given
  take_position(args);
  const int head = int(blockIdx.y), first = int(blockIdx.x) * kContextChannels, newest = args.keys - 1;
  const int width = min(kContextChannels, args.head_dim - first);
  const ValueRows in_cache{args.v_cache + int64_t(shared_head(args, head, args.modulo_values)) * args.head_dim + first,
                           int64_t(args.kv_heads) * args.head_dim};
  const bool staged = !kLong || args.keys <= kMostStagedKeys;
  if (staged)
    fetch_rows(newest, width, kValueStride, memory.values, [&](int r) { return in_cache.data + r * in_cache.stride; });
  wait_for_previous();
  const LateRow newest_row(staged ? width : 0, in_cache.data + newest * in_cache.stride);
  row_softmax<kArithmetic>(args, memory, head, blockIdx.x == 0, tap);
  newest_row.put(memory.values + newest * kValueStride);
  wait_for_closed<0>();
  __syncthreads();
  if (staged) return row_context(args, memory, {memory.values, kValueStride}, head, tap);
  row_context(args, memory, in_cache, head, tap);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
