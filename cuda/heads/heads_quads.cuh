// SPDX-License-Identifier: Apache-2.0
// heads for what most models have: bf16 in, heads of up to 128 channels that turn whole, by tables in bf16. A lane has
// four neighbours, so that each load and store is one of eight or sixteen bytes; only the other half of a pair comes
// from another lane. Invariant: the bits of heads_kernel. Left to others: every other head (heads_kernel.cuh).
// NUMERICS CONTRACT: heads_kernel.cuh, nothing added: lane l of A1 has columns 4l to 4l + 3 there too.
#pragma once
#include "cuda/heads/heads_kernel.cuh"
#include "cuda/rmsnorm/quad_norm.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kMostQuadChannels = 128;  ///< a quad a lane

/// Four neighbours of a constant row; zeros for a row that is not there and for a lane past the end.
__device__ __forceinline__ uint2 constant_quad(const bf16* row, int64_t first, bool has) {
  return row != nullptr && has ? load_four(row + first) : make_uint2(0, 0);
}

/// The norm of a head whose quads the warp's lanes have, zeros past the end: what the lane's quad becomes. All lanes of
/// the warp call it.
template <NormRounding kRounding, Arithmetic kArithmetic, class Tap>
__device__ __forceinline__ uint2 norm_quad_of_head(const HeadRole& role, uint2 quad, uint2 weight, int head_dim,
                                                   int64_t by_token, bool has, const Tap& tap PLUMBLINE_WHERE_PARAM) {
  float values[4];
  unpack_four(quad, values);
#pragma unroll
  for (int i = 0; i < 4; ++i) values[i] = __fmul_rn(values[i], values[i]);                             // R1
  const float lane_sum = __fadd_rn(__fadd_rn(__fadd_rn(values[0], values[1]), values[2]), values[3]);  // A1
  const RowStatistic statistic =
      statistic_of<kArithmetic>(warp_sum(lane_sum PLUMBLINE_WHERE_ARG), head_dim, role.eps);  // A1 R1
  const int lane = int(threadIdx.x) % 32;
  if (lane == 0) {
    tap.store(NormTap::kVar, by_token, statistic.var);
    tap.store(NormTap::kRstd, by_token, statistic.rstd);
  }
  return norm_four<kRounding>(quad, statistic.rstd, weight, role.weight_offset, tap, by_token * head_dim + lane * 4,
                              has);  // R1
}

/// The lane's quad, turned. `partner` is the other half of its pairs, `first` whether this is the half that is negated
/// for it. `out`: where the taps lie.
template <class Tap>
__device__ __forceinline__ uint2 turn_quad(uint2 own, uint2 partner, bool first, uint2 cosines, uint2 sines,
                                           int64_t out, bool has, const Tap& tap) {
  float x[4], other[4], cosine[4], sine[4];
  unpack_four(own, x);
  unpack_four(partner, other);
  unpack_four(cosines, cosine);
  unpack_four(sines, sine);
  bf16 cos_part[4], sin_part[4], turned[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    cos_part[i] = to_bf16(__fmul_rn(x[i], cosine[i]));                         // R2
    sin_part[i] = to_bf16(__fmul_rn(first ? -other[i] : other[i], sine[i]));   // R3
    turned[i] = to_bf16(__fadd_rn(to_f32(cos_part[i]), to_f32(sin_part[i])));  // A2 R4
  }
  if (has) {
    tap.store(HeadsTap::kCos, out, cos_part);
    tap.store(HeadsTap::kRotSin, out, sin_part);
  }
  return pack_four(turned);
}

template <Arithmetic kArithmetic, class Tap>
__global__ void heads_quads_kernel(HeadsArgs args, Tap tap) {
  let_next_start();
  const int64_t position = args.position == nullptr ? 0 : *args.position;  // may be read so early: attention_row.cuh
  const HeadUnit unit = head_unit(args);
  if (unit.token >= args.tokens) {  // whole warps only, so no collective is left waiting
    wait_for_previous();
    return;
  }
  const HeadRole& role = args.roles[unit.which];
  const int head_dim = args.head_dim, channel = int(threadIdx.x) % 32 * 4, half = head_dim / 2;
  const bool has = channel < head_dim, first = channel < half;
  const auto role_tap = tap.template slots_from<HeadsTap::kCount>(unit.which * HeadsTap::kCount);
  const int64_t table = (position + unit.token) * head_dim + channel;
  const uint2 weight = constant_quad(role.norm_weight, channel, has), cosines = constant_quad(role.cos, table, has),
              sines = constant_quad(role.sin, table, has);
  const HeadPlace place = head_place(args, unit);
  const int64_t out = place.by_head * head_dim + channel;
  wait_for_previous();
  uint2 quad = constant_quad(role.x, place.by_token * head_dim + channel, has);
  if (role.norm_weight != nullptr) {
    quad = role.rounding == NormRounding::two ? norm_quad_of_head<NormRounding::two, kArithmetic>(
                                                    role, quad, weight, head_dim, place.by_token, has, role_tap)
                                              : norm_quad_of_head<NormRounding::one, kArithmetic>(
                                                    role, quad, weight, head_dim, place.by_token, has, role_tap);
  }
  bf16 values[4];
  unpack_four(quad, values);
  if (has) role_tap.store(HeadsTap::kHeads, out, values);
  if (role.cos != nullptr) {
    const int partner = (has ? (first ? channel + half : channel - half) : channel) / 4;
    const uint2 other = make_uint2(__shfl_sync(kFullWarp, quad.x, partner), __shfl_sync(kFullWarp, quad.y, partner));
    quad = turn_quad(quad, other, first, cosines, sines, out, has, role_tap);
    unpack_four(quad, values);
  }
  if (!has) return;
  role_tap.store(HeadsTap::kRotated, out, values);
  *reinterpret_cast<uint2*>(output_row(role, unit, position) + channel) = quad;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
