// SPDX-License-Identifier: Apache-2.0
// y[h,t,:] = rope(norm(x[t,h,:])) for query and key heads, a copy for value heads; one warp a head of a token.
// NUMERICS CONTRACT rmsnorm/llama | rmsnorm/olmo | rmsnorm/gemma per head, then rope/neox-t (with cos32:
// rope/interleaved-f32, rope/neox-f32), layout/copy
//   types    x bf16, or f32 where it is normed; weights, cos, sin, y bf16 (cos32, sin32 f32); arithmetic f32
//   order    A1 statistic: norm_row.cuh over head_dim   A2 x cos + rot(x) sin, in that order
//   rounding R1 norm_row.cuh   R2 x * cos to bf16   R3 rot(x) * sin to bf16   R4 their sum to bf16; each computed in
//   f32 and
//            rounded to nearest even once more, which equals one rounding of the exact result
//            With cos32: R2 and R3 stay f32, their sum to f32, R4 that to bf16
//   special  norm_row.cuh; negation is a sign flip; NaN in a pair: NaN in both of its elements
//   repeat   the same bits for any number of tokens and any block size, every GPU from sm_80 and the twin
//   source   transformers Qwen3, and Llama, which norms no head (apply_rotary_pos_emb, cos and sin in the model's
//            dtype), Gemma 3; with cos32 ERNIE 4.5 and OLMo 2. Interleaved pairs take the table's first half, each
//            entry twice: ERNIE's layout, elsewhere a planted fault
//   checked  tests/kernel/heads
#pragma once
#include "cuda/common/defect.h"
#include "cuda/common/dependent_launch.h"
#include "cuda/heads/heads.h"
#include "cuda/rmsnorm/norm_row.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Where one head of one token lies in the taps.
struct HeadPlace {
  int64_t by_token;  ///< (token * heads + head)
  int64_t by_head;   ///< (head * tokens + token)
};

/// A warp's head.
struct HeadUnit {
  int which, head, token;  ///< the role, its head, and the token; the token is args.tokens or more for no head
};

__device__ __forceinline__ HeadUnit head_unit(const HeadsArgs& args) {
  const int per_token = args.roles[0].heads + args.roles[1].heads + args.roles[2].heads;
  const int64_t number = int64_t(blockIdx.x) * (int(blockDim.x) / 32) + int(threadIdx.x) / 32;
  HeadUnit unit{0, int(number % per_token), int(number / per_token)};
  for (; unit.which < 2 && unit.head >= args.roles[unit.which].heads; ++unit.which)
    unit.head -= args.roles[unit.which].heads;
  return unit;
}

__device__ __forceinline__ HeadPlace head_place(const HeadsArgs& args, const HeadUnit& unit) {
  return {int64_t(unit.token) * args.roles[unit.which].heads + unit.head,
          int64_t(unit.head) * args.tokens + unit.token};
}

/// The head's row in y, where this token's is.
__device__ __forceinline__ bf16* output_row(const HeadRole& role, const HeadUnit& unit, int64_t position) {
  bf16* y = role.y + unit.head * role.head_stride + unit.token * role.token_stride;
  return unit.which > 0 ? y + position * role.token_stride : y;
}

inline constexpr int kAtOnce = 4;  ///< elements that a lane loads before it stores the first

/// What a lane needs beside x for elements c, c + 32, ...: constants of a step.
struct HeadConstants {
  bf16 weights[kAtOnce];
  float cosines[kAtOnce], sines[kAtOnce];
};

__device__ __forceinline__ bool rotates(const HeadRole& role) { return role.cos != nullptr || role.cos32 != nullptr; }

/// `table`: where the token's row of angles begins, `rotated` how many it has.
__device__ __forceinline__ HeadConstants load_constants(const HeadRole& role, int64_t table, int c, int head_dim,
                                                        int rotated) {
  HeadConstants constants{};
#pragma unroll
  for (int i = 0; i < kAtOnce; ++i) {
    const int ahead = min(c + i * 32, head_dim - 1);
    if (role.norm_weight != nullptr) constants.weights[i] = role.norm_weight[ahead];
    if (!rotates(role)) continue;
    const int column = min(ahead, rotated - 1);
    const int64_t angle = table + (role.interleaved ? column / 2 : column);
    constants.cosines[i] = role.cos32 != nullptr ? role.cos32[angle] : to_f32(role.cos[angle]);
    constants.sines[i] = role.cos32 != nullptr ? role.sin32[angle] : to_f32(role.sin[angle]);
  }
  return constants;
}

template <NormRounding kRounding, Arithmetic kArithmetic, class Value, class Tap>
__device__ __forceinline__ void norm_head(const HeadRole& role, const HeadConstants& first, const Value* x,
                                          int head_dim, const HeadPlace& place, bf16* row,
                                          const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const RowStatistic statistic =
      row_statistic<Defect::none, kArithmetic>(x, head_dim, 32, role.eps PLUMBLINE_WHERE_ARG);  // A1 R1
  const int lane = int(threadIdx.x) % 32;
  if (lane == 0) {
    tap.store(NormTap::kVar, place.by_token, statistic.var);
    tap.store(NormTap::kRstd, place.by_token, statistic.rstd);
  }
  for (int c0 = lane; c0 < head_dim; c0 += 32 * kAtOnce) {
    Value values[kAtOnce];
    bf16 weights[kAtOnce];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int c = min(c0 + i * 32, head_dim - 1);
      values[i] = x[c];
      weights[i] = c0 == lane ? first.weights[i] : role.norm_weight[c];
    }
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int c = c0 + i * 32;
      if (c >= head_dim) break;
      const NormedValue value = normed_value<kRounding>(values[i], statistic.rstd,
                                                        norm_factor<kRounding>(weights[i], role.weight_offset));  // R1
      store_normed(row + c, value.out32);
      tap_normed<kRounding>(tap, 0, place.by_token * head_dim + c, value);
      tap.store(NormTap::kOut, place.by_token * head_dim + c, row[c]);
    }
  }
}

template <Arithmetic kArithmetic, class Value, class Tap>
__device__ __forceinline__ void norm_head(const HeadRole& role, const HeadConstants& first, const Value* x,
                                          int head_dim, const HeadPlace& place, bf16* row,
                                          const Tap& tap PLUMBLINE_WHERE_PARAM) {
  if (role.rounding == NormRounding::two) {
    norm_head<NormRounding::two, kArithmetic>(role, first, x, head_dim, place, row, tap PLUMBLINE_WHERE_ARG);
  } else {
    norm_head<NormRounding::one, kArithmetic>(role, first, x, head_dim, place, row, tap PLUMBLINE_WHERE_ARG);
  }
}

/// Fills `row` with the head before rotation. All lanes of the warp call it.
template <Arithmetic kArithmetic, class Tap>
__device__ __forceinline__ void load_head(const HeadRole& role, const HeadConstants& constants, int head_dim,
                                          const HeadPlace& place, bf16* row, const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const int64_t first = place.by_token * head_dim;
  if (role.norm_weight == nullptr) {
    for (int c = int(threadIdx.x) % 32; c < head_dim; c += 32) row[c] = role.x[first + c];
  } else if (role.x != nullptr) {
    norm_head<kArithmetic>(role, constants, role.x + first, head_dim, place, row, tap PLUMBLINE_WHERE_ARG);
  } else {
    norm_head<kArithmetic>(role, constants, role.x32 + first, head_dim, place, row, tap PLUMBLINE_WHERE_ARG);
  }
}

/// Element c of rot(x): the partner in its pair, negated for the first of the two.
__device__ __forceinline__ float rotated_partner(const bf16* row, int c, int rotated, bool interleaved) {
  if (interleaved) return c % 2 == 0 ? -to_f32(row[c + 1]) : to_f32(row[c - 1]);
  const int half = rotated / 2;
  return c < half ? -to_f32(row[c + half]) : to_f32(row[c - half]);
}

/// `kRole` is the role that has the defect: 0 query, 1 key, 2 value.
template <class Tap, Defect kDefect = Defect::none, int kRole = 0, Arithmetic kArithmetic = Arithmetic::portable>
__global__ void heads_kernel(HeadsArgs args, Tap tap) {
  let_next_start();
  const int64_t position = args.position == nullptr ? 0 : *args.position;  // may be read so early: attention_row.cuh
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const HeadUnit unit = head_unit(args);
  if (unit.token >= args.tokens) {  // whole warps only, so no collective is left waiting
    wait_for_previous();
    return;
  }
  const int which = unit.which, token = unit.token;
  const HeadRole& role = args.roles[which];
  const HeadPlace place = head_place(args, unit);
  const auto role_tap = tap.template slots_from<HeadsTap::kCount>(which * HeadsTap::kCount);
  const int rotated = args.rotated != 0 ? args.rotated : args.head_dim;
  int64_t table = (position + token) * rotated;
  if constexpr (kDefect == Defect::position_late) {
    if (which == kRole && token > 0) table -= rotated;
  }
  HeadConstants constants = load_constants(role, table, lane, args.head_dim, rotated);
  wait_for_previous();

  bf16* row = dynamic_shared<bf16>() + warp * args.head_dim;
  load_head<kArithmetic>(role, constants, args.head_dim, place, row, role_tap);
  __syncwarp();
  const int64_t out = place.by_head * args.head_dim, turned_out = place.by_head * rotated;
  bf16* y = output_row(role, unit, position);
  if constexpr (kDefect == Defect::cache_pairs) {
    if (which == kRole && (token ^ 1) < args.tokens) y += ((token ^ 1) - token) * role.token_stride;
  }
  for (int c = lane, i = 0; c < args.head_dim; c += 32, ++i) {
    if (i > 0 && i % kAtOnce == 0) constants = load_constants(role, table, c, args.head_dim, rotated);
    role_tap.store(HeadsTap::kHeads, out + c, row[c]);
    bf16 value = row[c];
    if (rotates(role) && c < rotated) {
      const float straight = __fmul_rn(to_f32(row[c]), constants.cosines[0]);                            // R2
      float turned = __fmul_rn(rotated_partner(row, c, rotated, role.interleaved), constants.sines[0]);  // R3
#pragma unroll
      for (int j = 1; j < kAtOnce; ++j) {
        constants.cosines[j - 1] = constants.cosines[j];  // the next elements' in front
        constants.sines[j - 1] = constants.sines[j];
      }
      if constexpr (kDefect == Defect::rope_backwards) {
        if (which == kRole) turned = -turned;
      }
      if (role.cos32 != nullptr) {
        value = to_bf16(__fadd_rn(straight, turned));  // A2 R4
        role_tap.store(HeadsTap::kCos, turned_out + c, straight);
        role_tap.store(HeadsTap::kRotSin, turned_out + c, turned);
      } else {
        const bf16 cos_part = to_bf16(straight), sin_part = to_bf16(turned);  // R2 R3
        value = to_bf16(__fadd_rn(to_f32(cos_part), to_f32(sin_part)));       // A2 R4
        role_tap.store(HeadsTap::kCos, turned_out + c, cos_part);
        role_tap.store(HeadsTap::kRotSin, turned_out + c, sin_part);
      }
      if constexpr (kDefect == Defect::half_rotated) {
        const int half = rotated / 2, pair = role.interleaved ? c / 2 : c % half;
        if (which == kRole && pair >= (half + 1) / 2) value = row[c];
      }
      if constexpr (kDefect == Defect::not_rotated) {
        if (which == kRole) value = row[c];
      }
    }
    role_tap.store(HeadsTap::kRotated, out + c, value);
    if constexpr (kDefect == Defect::cache_before_rope) {
      if (which == kRole) value = row[c];
    }
    if constexpr (kDefect == Defect::cache_stale) {
      if (which == kRole) value = y[c - role.token_stride];
    }
    y[c] = value;
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
