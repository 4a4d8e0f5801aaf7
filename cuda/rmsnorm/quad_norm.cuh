// SPDX-License-Identifier: Apache-2.0
// RMSNorm of a row by loads of eight bytes: four neighbours a lane, up to 1,024 columns of a row kept in registers
// between the statistic and the norm. Invariant: the bits of norm_row.cuh; rows and weights aligned to 16 bytes,
// columns a multiple of 4, bf16 out. Left to others: where the rows go (rmsnorm_kernel.cuh, slab_norm.cuh).
//
// NUMERICS CONTRACT: norm_row.cuh (llama, olmo and gemma), nothing added.
#pragma once
#include "cuda/common/dependent_launch.h"
#include "cuda/rmsnorm/norm_row.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kQuads = 8;  ///< fours of a row that a lane loads at once

/// A row's columns c, c + step, ... (four neighbours each), zeros past the end.
__device__ __forceinline__ void load_quads(const bf16* row, int columns, int c, int step, uint2 (&quads)[kQuads]) {
#pragma unroll
  for (int j = 0; j < kQuads; ++j) quads[j] = c + j * step < columns ? load_four(row + c + j * step) : make_uint2(0, 0);
}

/// The sum of a row's squares where kShares * 32 lanes share it: four number j * 32 + l is lane (j % kShares) * 32 +
/// l's. `kept` gets the first batch of fours. Lets the next launch start when these are on their way, not before
/// (gemm/slab.cuh).
template <int kShares>
__device__ __forceinline__ float row_squares(const bf16* row, int columns,
                                             uint2 (&kept)[kQuads] PLUMBLINE_WHERE_PARAM) {
  static_assert(kQuads % kShares == 0, "each batch begins with share 0");
  float sums[kShares][4] = {};
  for (int c = int(threadIdx.x) % 32 * 4; c - int(threadIdx.x) % 32 * 4 < columns; c += kQuads * 128) {
    uint2 quads[kQuads];
    load_quads(row, columns, c, 128, quads);
    if (c < 128) let_next_start();
#pragma unroll
    for (int j = 0; j < kQuads; ++j) {
      if (c < 128) kept[j] = quads[j];
      float values[4];
      unpack_four(quads[j], values);
#pragma unroll
      for (int slot = 0; slot < 4; ++slot)  // zeros past the end change no sum of squares
        sums[j % kShares][slot] =
            __fadd_rn(sums[j % kShares][slot], __fmul_rn(values[slot], values[slot]));  // A1 R1 R2
    }
  }
  float lanes[kShares];
#pragma unroll
  for (int share = 0; share < kShares; ++share)
    lanes[share] =
        __fadd_rn(__fadd_rn(__fadd_rn(sums[share][0], sums[share][1]), sums[share][2]), sums[share][3]);  // A2 R2
  return warp_sum(halves_sum<kShares>(lanes) PLUMBLINE_WHERE_ARG);                                        // A3 R2
}

/// row_statistic by loads of eight bytes, all of a row's before the first square.
template <Arithmetic kArithmetic>
__device__ __forceinline__ RowStatistic quad_statistic(const NormInput& norm, const bf16* row,
                                                       uint2 (&kept)[kQuads] PLUMBLINE_WHERE_PARAM) {
  float sum = 0.0f;
  switch (norm.mean_lanes) {
    case 32: sum = row_squares<1>(row, norm.columns, kept PLUMBLINE_WHERE_ARG); break;
    case 64: sum = row_squares<2>(row, norm.columns, kept PLUMBLINE_WHERE_ARG); break;
    case 128: sum = row_squares<4>(row, norm.columns, kept PLUMBLINE_WHERE_ARG); break;
    default: sum = row_squares<8>(row, norm.columns, kept PLUMBLINE_WHERE_ARG);
  }
  static_assert(kMaxMeanLanes == 256, "a case for each number of lanes");
  return statistic_of<kArithmetic>(sum, norm.columns, norm.eps);
}

/// What tap_normed stores of four neighbours, and their output.
template <NormRounding kRounding, class Tap>
__device__ __forceinline__ void tap_four(const Tap& tap, int64_t index, const NormedValue (&values)[4],
                                         const bf16 (&out)[4]) {
  const float x32[4] = {values[0].x32, values[1].x32, values[2].x32, values[3].x32};
  const float n32[4] = {values[0].n32, values[1].n32, values[2].n32, values[3].n32};
  tap.store(NormTap::kX32, index, x32);
  tap.store(NormTap::kN32, index, n32);
  if constexpr (kRounding == NormRounding::two) {
    const bf16 n[4] = {values[0].n, values[1].n, values[2].n, values[3].n};
    tap.store(NormTap::kN, index, n);
  }
  tap.store(NormTap::kOut, index, out);
}

/// Norms four neighbours; `index`, the first one's in the taps, is a multiple of 4.
template <NormRounding kRounding, class Tap>
__device__ __forceinline__ uint2 norm_four(uint2 x, float rstd, uint2 weight, float offset, const Tap& tap,
                                           int64_t index, bool taps) {
  const uint32_t inputs[4] = {x.x & 0xFFFFu, x.x >> 16, x.y & 0xFFFFu, x.y >> 16};
  const uint32_t factors[4] = {weight.x & 0xFFFFu, weight.x >> 16, weight.y & 0xFFFFu, weight.y >> 16};
  NormedValue values[4];
  bf16 out[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    values[i] = normed_value<kRounding>(bf16{uint16_t(inputs[i])}, rstd,
                                        norm_factor<kRounding>(bf16{uint16_t(factors[i])}, offset));
    store_normed(out + i, values[i].out32);
  }
  if (taps) tap_four<kRounding>(tap, index, values, out);
  return pack_four(out);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
