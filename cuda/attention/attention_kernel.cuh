// SPDX-License-Identifier: Apache-2.0
// y[t,h,:] = R(softmax(mask(scale(q_h k^T)))[t,:] V); one block 16 queries of one head. Scores go through device memory
// (masked, probs), so any number of keys fits.
// NUMERICS CONTRACT attention/eager, with score_cap softcap/rounded in it (softcap_value.cuh)
//   types    q, k, v, scores, probs, y bf16; accumulators, scale, mask sum and softmax f32
//   order    A1 q k^T: gemm_tile/v1 over head_dim   A2 maximum over the row (any order: max_f32)   A3 lane l of 32 sums
//            exp over keys l, l + 32, ... ascending   A4 xor tree 16, 8, 4, 2, 1   A5 p v: gemm_tile/v1 over the keys
//            Of one token, A1 and A5 may be lane_sum/v1 instead (args.scores, args.context)
//   rounding R1 A1, to bf16   R2 * scale in f32, to bf16; with score_cap softcap/rounded of that   R3 + mask in f32, to
//   bf16 (mask 0 or the lowest finite bf16)
//            R4 x - max   R5 exp_f32/v1 (torch/sm90: expf of arithmetic.h)   R6 additions of A3, A4   R7 divide   R8 to
//            bf16   R9 A5, to bf16
//   special  NaN in a row of scores: the whole row NaN; +Inf: NaN; a row with every key masked attends to all of them
//            evenly; masked keys have p = +0, so their values matter only if they are Inf or NaN. R3 turns -0 into +0
//   repeat   the same bits for any number of queries in a step and any block size: prefill equals prefill and decode;
//   keys
//            past a row's own position add exact zeros. Tensor cores of sm_90 only, as gemm_tile/v1
//   source   transformers eager_attention_forward; A3, A4: at::softmax of LibTorch on CUDA up to 1,024 keys (measured
//   on H100
//            and H200), the same beyond by our choice; R5: our exp, up to 2 ulp from expf
//   checked  tests/kernel/attention
#pragma once
#include "cuda/attention/attention.h"
#include "cuda/attention/lane_sum.cuh"
#include "cuda/common/defect.h"
#include "cuda/common/math.h"
#include "cuda/common/narrow.h"
#include "cuda/common/reduce.h"
#include "cuda/gemm/stage.cuh"
#include "cuda/softcap/softcap_value.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr uint32_t kLowestBf16 = 0xFF7F0000u;  ///< -(2 - 2^-7) * 2^127, as f32

/// From the sum of a query and a key on: round, scale, mask. Only with kExtras are args.score_cap and args.mask_window
/// looked at.
template <Defect kDefect, bool kExtras, class Tap>
__device__ __forceinline__ void store_score(const AttentionArgs& args, int head, int row, int key, float sum,
                                            const Tap& tap) {
  const int64_t index = (int64_t(head) * args.tokens + row) * args.keys + key;
  const bf16 raw = to_bf16(sum);                              // R1
  bf16 scaled = to_bf16(__fmul_rn(to_f32(raw), args.scale));  // R2
  tap.store(AttentionTap::kScaled, index, scaled);
  if (kExtras && args.score_cap != 0.0f) {
    const CappedValue capped = softcap_value(scaled, args.score_cap);
    tap.store(AttentionTap::kQuotient, index, capped.quotient);
    tap.store(AttentionTap::kTanh, index, capped.tanh);
    tap.store(AttentionTap::kCapped, index, capped.out);
    scaled = capped.out;
  }
  bool allowed = int64_t(key) <= int64_t(args.first_position) + row + args.mask_offset;
  if (kExtras && args.mask_window != 0)
    allowed = allowed && int64_t(key) > int64_t(args.first_position) + row - args.mask_window;
  if constexpr (kDefect == Defect::window) {
    allowed = allowed && int64_t(key) > int64_t(args.first_position) + row - int64_t(args.amount);
  }
  const float mask = allowed ? 0.0f : __uint_as_float(kLowestBf16);
  tap.store(AttentionTap::kRaw, index, raw);
  args.masked[index] = to_bf16(__fadd_rn(to_f32(scaled), mask));  // R3
}

/// Scores of the only query against all keys, by lanes.
template <Defect kDefect, class Tap>
__device__ void masked_scores_by_lanes(const AttentionArgs& args, int head, int kv_head, const Tap& tap) {
  const bf16* q = args.q + int64_t(head) * args.head_dim;
  for (int key = int(threadIdx.x); key < args.keys; key += int(blockDim.x)) {
    const bf16* k = args.k_cache + (int64_t(key) * args.kv_heads + kv_head) * args.head_dim;
    const float sum = lane_sum(args.scores, args.head_dim,
                               [&](int c, float before) { return __fmaf_rn(to_f32(q[c]), to_f32(k[c]), before); });
    store_score<kDefect, true>(args, head, 0, key, sum, tap);
  }
}

/// Scores of the block's queries against all keys: raw, scaled, masked. All threads of the block call it.
template <Defect kDefect, class Tap>
__device__ void masked_scores(const AttentionArgs& args, int head, int kv_head, int row0,
                              const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const int columns = tile_columns(int(blockDim.x));
  const Rows<bf16> q{args.q + int64_t(head) * args.tokens * args.head_dim, args.tokens, args.head_dim, args.head_dim};
  const Rows<bf16> k{args.k_cache + int64_t(kv_head) * args.head_dim, args.keys, args.head_dim,
                     int64_t(args.kv_heads) * args.head_dim};
  for (int key0 = 0; key0 < args.keys; key0 += columns) {
    Accumulator<1> scores;
    accumulate_tile<bf16>(
        scores, args.head_dim, dynamic_shared<unsigned char>(),
        [&](int k0, bf16* tile) { stage_rows(q, row0, kTileRows, k0, tile); },
        [&](int, int k0, bf16* tile) { stage_rows(k, key0, columns, k0, tile); } PLUMBLINE_WHERE_ARG);  // A1
    for (int half = 0; half < 2; ++half) {
      for (int i = 0; i < 4; ++i) {
        const int row = row0 + tile_row(i), key = key0 + tile_column(half, i);
        if (row >= args.tokens || key >= args.keys) continue;
        store_score<kDefect, true>(args, head, row, key, scores.d[0][half][i], tap);
      }
    }
  }
}

/// exp of score - largest, or what a defect takes for it.
template <Defect kDefect, Arithmetic kArithmetic>
__device__ __forceinline__ float score_power(float score, float largest, float amount) {
  if constexpr (kDefect == Defect::base_two) return exp_f32(__fmul_rn(0.69314718f, __fsub_rn(score, largest)));
  if constexpr (kDefect == Defect::no_maximum) return through_f16(exp_f32(score));
  if constexpr (kDefect == Defect::capped) {
    if (score < -1e30f) return 0.0f;  // masked
    return exp_f32(__fsub_rn(__fmul_rn(amount, tanh_f32(__fdiv_rn(score, amount))),
                             __fmul_rn(amount, tanh_f32(__fdiv_rn(largest, amount)))));
  }
  return exp_of<kArithmetic>(__fsub_rn(score, largest));
}

/// Softmax of one row of `keys` masked scores by one warp.
template <Defect kDefect, Arithmetic kArithmetic, class Tap>
__device__ __forceinline__ void softmax_row(const bf16* masked, bf16* probs, int64_t row_index, int keys, float amount,
                                            const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const int lane = int(threadIdx.x) % 32;
  float largest = __uint_as_float(0xFF800000u);
  for (int key = lane; key < keys; key += 32) largest = max_f32(largest, to_f32(masked[key]));
  largest = warp_max(largest PLUMBLINE_WHERE_ARG);  // A2
  float sum = 0.0f;
  if constexpr (kDefect == Defect::not_rescaled) {
    float seen = __uint_as_float(0xFF800000u);
    for (int key = 0; key < keys; ++key) {
      seen = max_f32(seen, to_f32(masked[key]));
      if (key % 32 == lane) sum = __fadd_rn(sum, exp_f32(__fsub_rn(to_f32(masked[key]), seen)));
    }
  } else {
    for (int key = lane; key < keys; key += 32) {
      sum = __fadd_rn(sum, score_power<kDefect, kArithmetic>(to_f32(masked[key]), largest, amount));  // A3 R4 R5 R6
    }
  }
  sum = warp_sum(sum PLUMBLINE_WHERE_ARG);  // A4 R6
  if constexpr (kDefect == Defect::not_normalised) sum = 1.0f;
  for (int key = lane; key < keys; key += 32) {
    const float p =
        __fdiv_rn(score_power<kDefect, kArithmetic>(to_f32(masked[key]), largest, amount), sum);  // R4 R5 R7
    tap.store(AttentionTap::kProbs32, row_index * keys + key, p);
    probs[key] = to_bf16(p);  // R8
  }
}

/// One value of the context, rounded and in its place.
template <class Tap>
__device__ __forceinline__ void store_context(const AttentionArgs& args, int head, int row, int column, float sum,
                                              const Tap& tap) {
  const bf16 value = to_bf16(sum);  // R9
  tap.store(AttentionTap::kContext, (int64_t(head) * args.tokens + row) * args.head_dim + column, value);
  args.y[(int64_t(row) * args.heads + head) * args.head_dim + column] = value;
}

/// The only query's probabilities times V, by lanes.
template <class Tap>
__device__ void weighted_values_by_lanes(const AttentionArgs& args, int head, int kv_head, const Tap& tap) {
  const bf16* p = args.probs + int64_t(head) * args.keys;
  for (int column = int(threadIdx.x); column < args.head_dim; column += int(blockDim.x)) {
    const bf16* v = args.v_cache + int64_t(kv_head) * args.head_dim + column;
    const int64_t stride = int64_t(args.kv_heads) * args.head_dim;
    const float sum = lane_sum(args.context, args.keys, [&](int key, float before) {
      return __fmaf_rn(to_f32(p[key]), to_f32(v[key * stride]), before);
    });
    store_context(args, head, 0, column, sum, tap);
  }
}

/// The probabilities times V. All threads of the block call it.
template <Defect kDefect, class Tap>
__device__ void weighted_values(const AttentionArgs& args, int head, int kv_head, int row0,
                                const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const int columns = tile_columns(int(blockDim.x));
  const int keys = kDefect == Defect::last_key_lost ? args.keys - 1 : args.keys;
  const Rows<bf16> p{args.probs + int64_t(head) * args.tokens * args.keys, args.tokens, keys, args.keys};
  const Rows<bf16> v{args.v_cache + int64_t(kv_head) * args.head_dim, args.keys, args.head_dim,
                     int64_t(args.kv_heads) * args.head_dim};
  for (int column0 = 0; column0 < args.head_dim; column0 += columns) {
    Accumulator<1> sums;
    accumulate_tile<bf16>(
        sums, args.keys, dynamic_shared<unsigned char>(),
        [&](int k0, bf16* tile) { stage_rows(p, row0, kTileRows, k0, tile); },
        [&](int, int k0, bf16* tile) { stage_transposed(v, column0, columns, k0, tile); } PLUMBLINE_WHERE_ARG);  // A5
    for (int half = 0; half < 2; ++half) {
      for (int i = 0; i < 4; ++i) {
        const int row = row0 + tile_row(i), column = column0 + tile_column(half, i);
        if (row >= args.tokens || column >= args.head_dim) continue;
        store_context(args, head, row, column, sums.d[0][half][i], tap);
      }
    }
  }
}

/// The key-value head that query head `head` shares.
__device__ __forceinline__ int shared_head(const AttentionArgs& args, int head, bool modulo) {
  return modulo ? head % args.kv_heads : head / (args.heads / args.kv_heads);
}

template <class Tap, Defect kDefect = Defect::none, Arithmetic kArithmetic = Arithmetic::portable>
__global__ void attention_kernel(AttentionArgs args, Tap tap) {
  const int head = int(blockIdx.y), row0 = int(blockIdx.x) * kTileRows;
  int key_head = shared_head(args, head, args.modulo_keys);
  if constexpr (kDefect == Defect::next_kv_head) key_head = (key_head + 1) % args.kv_heads;
  if (args.scores.lanes > 0) {
    masked_scores_by_lanes<kDefect>(args, head, key_head, tap);
  } else {
    masked_scores<kDefect>(args, head, key_head, row0, tap);
  }
  __syncthreads();  // the block's own scores are read by other warps from here on
  for (int r = int(threadIdx.x) / 32; r < kTileRows && row0 + r < args.tokens; r += int(blockDim.x) / 32) {
    const int64_t row = int64_t(head) * args.tokens + row0 + r;
    softmax_row<kDefect, kArithmetic>(args.masked + row * args.keys, args.probs + row * args.keys, row, args.keys,
                                      args.amount, tap);
  }
  __syncthreads();
  const int value_head = shared_head(args, head, args.modulo_values);
  if (args.context.lanes > 0) {
    weighted_values_by_lanes(args, head, value_head, tap);
  } else {
    weighted_values<kDefect>(args, head, value_head, row0, tap);
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
