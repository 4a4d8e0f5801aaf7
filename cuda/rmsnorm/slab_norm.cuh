// SPDX-License-Identifier: Apache-2.0
// The norm in front of slab.cuh: every block norms all rows of x itself, while its weights are on their way, a warp a
// row. Of a single row every warp takes the statistic, which costs no barrier, and norms its share. Invariant: the bits
// of norm_row.cuh. Left to others: the product. NUMERICS CONTRACT: norm_row.cuh, nothing added.
#pragma once
#include "cuda/gemm/slab.cuh"
#include "cuda/rmsnorm/norm_row.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// The values of four neighbours.
__device__ __forceinline__ void unpack_four(uint2 four, float (&values)[4]) {
  values[0] = __uint_as_float(four.x << 16);
  values[1] = __uint_as_float(four.x & 0xFFFF0000u);
  values[2] = __uint_as_float(four.y << 16);
  values[3] = __uint_as_float(four.y & 0xFFFF0000u);
}

/// The sum of squares that lane `lane` of `lanes` keeps; columns are a multiple of 4 and x of 8 bytes.
__device__ __forceinline__ float quad_squares(const bf16* x, int columns, int lane, int lanes) {
  float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll 8
  for (int c = lane * 4; c < columns; c += 4 * lanes) {
    float values[4];
    unpack_four(load_four(x + c), values);
#pragma unroll
    for (int slot = 0; slot < 4; ++slot)
      sums[slot] = __fadd_rn(sums[slot], __fmul_rn(values[slot], values[slot]));  // A1 R1 R2
  }
  return __fadd_rn(__fadd_rn(__fadd_rn(sums[0], sums[1]), sums[2]), sums[3]);  // A2 R2
}

/// row_statistic by loads of eight bytes.
template <Arithmetic kArithmetic>
__device__ __forceinline__ RowStatistic quad_statistic(const NormInput& norm, const bf16* x PLUMBLINE_WHERE_PARAM) {
  constexpr int kShares = kMaxMeanLanes / 32;
  float sums[kShares];
#pragma unroll
  for (int share = 0; share < kShares; ++share) {
    sums[share] = 0.0f;
    if (share * 32 < norm.mean_lanes)
      sums[share] = quad_squares(x, norm.columns, int(threadIdx.x) % 32 + share * 32, norm.mean_lanes);
  }
#pragma unroll
  for (int half = kShares / 2; half > 0; half /= 2) {
#pragma unroll
    for (int share = 0; share < half; ++share) {
      if (half * 32 < norm.mean_lanes) sums[share] = __fadd_rn(sums[share], sums[share + half]);  // A3 R2
    }
  }
  const float sum = warp_sum(sums[0] PLUMBLINE_WHERE_ARG);                          // A3 R2
  const float var = __fmul_rn(sum, __fdiv_rn(1.0f, float(norm.columns)));           // R3
  return {var, rsqrt_of<kArithmetic>(__fadd_rn(var, norm.eps))};                    // R4 R5
}

/// Norms the row's columns first, first + step, ... (four at a time) into `target`.
template <NormRounding kRounding, class Tap>
__device__ __forceinline__ void norm_quads(const NormInput& norm, int row, float rstd, int first, int step, bf16* target,
                                           const Tap& tap, bool taps) {
#pragma unroll 2
  for (int c = first; c < norm.columns; c += step) {
    const int64_t index = int64_t(row) * norm.columns + c;
    const uint2 x = load_four(norm.x + index), weight = load_four(norm.weight + c);
    const uint32_t bits[4] = {x.x & 0xFFFFu, x.x >> 16, x.y & 0xFFFFu, x.y >> 16};
    const uint32_t weights[4] = {weight.x & 0xFFFFu, weight.x >> 16, weight.y & 0xFFFFu, weight.y >> 16};
    bf16 out[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const NormedValue value =
          normed_value<kRounding>(bf16{uint16_t(bits[i])}, rstd, bf16{uint16_t(weights[i])});
      store_normed(out + i, value.out32);
      if (!taps) continue;
      tap_normed<kRounding>(tap, 0, index + i, value);
      tap.store(NormTap::kOut, index + i, out[i]);
    }
    *reinterpret_cast<uint2*>(target + c) = make_uint2(pack_bf16(out[0], out[1]), pack_bf16(out[2], out[3]));
  }
}

/// Fills memory.x with the normalised rows. All threads of the block call it; a barrier must follow. `taps` says
/// whether this block records.
template <NormRounding kRounding, Arithmetic kArithmetic, class Tap>
__device__ __forceinline__ void stage_slab_norm(const NormInput& norm, const SlabPlan& plan, const SlabMemory& slab,
                                                const Tap& tap, bool taps PLUMBLINE_WHERE_PARAM) {
  const int warp = int(threadIdx.x) / 32, warps = int(blockDim.x) / 32;
  const bool single = norm.rows == 1;
  for (int row = single ? 0 : warp; row < norm.rows; row += warps) {
    const RowStatistic statistic =
        quad_statistic<kArithmetic>(norm, norm.x + int64_t(row) * norm.columns PLUMBLINE_WHERE_ARG);
    if (taps && threadIdx.x % 32 == 0 && (!single || warp == 0)) {
      tap.store(NormTap::kVar, row, statistic.var);
      tap.store(NormTap::kRstd, row, statistic.rstd);
    }
    const int first = int(single ? threadIdx.x : threadIdx.x % 32) * 4, step = (single ? int(blockDim.x) : 32) * 4;
    norm_quads<kRounding>(norm, row, statistic.rstd, first, step, slab.x + row * plan.stride(), tap, taps);
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
