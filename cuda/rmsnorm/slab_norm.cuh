// SPDX-License-Identifier: Apache-2.0
// The norm in front of slab.cuh: every block norms all rows of x itself, while its weights are on their way, a warp a
// row. Of a single row every warp takes the statistic, which costs no barrier, and norms its eighth. Invariant: the
// bits of norm_row.cuh. Left to others: the product. NUMERICS CONTRACT: norm_row.cuh, nothing added.
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

inline constexpr int kQuads = 8;  ///< fours of a row that a lane loads at once
static_assert(kSlabThreads / 32 == kQuads, "of a single row each warp norms one of every lane's fours");

/// A row's columns c, c + step, ... (four neighbours each), zeros past the end.
__device__ __forceinline__ void load_quads(const bf16* row, int columns, int c, int step, uint2 (&quads)[kQuads]) {
#pragma unroll
  for (int j = 0; j < kQuads; ++j) quads[j] = c + j * step < columns ? load_four(row + c + j * step) : make_uint2(0, 0);
}

/// The sum of a row's squares where kShares * 32 lanes share it: four number j * 32 + l is lane (j % kShares) * 32 +
/// l's. `kept` gets the first batch of fours. Lets the next launch start when these are on their way (slab.cuh).
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
#pragma unroll
  for (int half = kShares / 2; half > 0; half /= 2) {
#pragma unroll
    for (int share = 0; share < half; ++share) lanes[share] = __fadd_rn(lanes[share], lanes[share + half]);  // A3 R2
  }
  return warp_sum(lanes[0] PLUMBLINE_WHERE_ARG);  // A3 R2
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
  const float var = __fmul_rn(sum, __fdiv_rn(1.0f, float(norm.columns)));  // R3
  return {var, rsqrt_of<kArithmetic>(__fadd_rn(var, norm.eps))};           // R4 R5
}

/// What a block does about the norm. `taps`: whether it records.
template <NormRounding kRounding, Arithmetic kArithmetic, class Tap>
class SlabNorm {
 public:
  __device__ __forceinline__ SlabNorm(const NormInput& norm, const SlabPlan& plan, const Tap& tap, bool taps)
      : norm_(norm),
        stride_(plan.stride()),
        tap_(tap),
        taps_(taps),
        single_(norm.rows == 1),
        first_(int(single_ ? threadIdx.x : threadIdx.x % 32) * 4),
        step_(int(single_ ? blockDim.x : 32) * 4) {}

  /// The norm's own weights that this thread needs first: nothing that an earlier launch writes.
  __device__ __forceinline__ void load_weights() {
    load_quads(norm_.weight, single_ ? min(norm_.columns, kQuads * 128) : norm_.columns, first_, step_, weights_);
  }

  /// Fills memory.x with the normalised rows. All threads of the block call it; a barrier must follow.
  __device__ __forceinline__ void stage(const SlabMemory& memory PLUMBLINE_WHERE_PARAM) const {
    const int warp = int(threadIdx.x) / 32, warps = int(blockDim.x) / 32;
    for (int row = single_ ? 0 : warp; row < norm_.rows; row += warps) {
      const bf16* x = norm_.x + int64_t(row) * norm_.columns;
      uint2 quads[kQuads];
      const RowStatistic statistic = quad_statistic<kArithmetic>(norm_, x, quads PLUMBLINE_WHERE_ARG);
      if (taps_ && threadIdx.x % 32 == 0 && (!single_ || warp == 0)) {
        tap_.store(NormTap::kVar, row, statistic.var);
        tap_.store(NormTap::kRstd, row, statistic.rstd);
      }
      bf16* target = memory.x + row * stride_;
      if (single_) {
        norm_four(row, first_, statistic.rstd, own_quad(quads, warp), weights_[0], target);
      } else {
#pragma unroll
        for (int j = 0; j < kQuads; ++j)
          norm_four(row, first_ + j * step_, statistic.rstd, quads[j], weights_[j], target);
      }
      for (int c = kQuads * 128 + first_; c < norm_.columns; c += step_)
        norm_four(row, c, statistic.rstd, load_four(x + c), load_four(norm_.weight + c), target);
    }
  }

 private:
  /// Number `which`: a chain of selections, since registers have no index.
  __device__ __forceinline__ static uint2 own_quad(const uint2 (&quads)[kQuads], int which) {
    uint2 own = quads[0];
#pragma unroll
    for (int j = 1; j < kQuads; ++j) own = which == j ? quads[j] : own;
    return own;
  }

  /// Norms four neighbours, if there are any.
  __device__ __forceinline__ void norm_four(int row, int column, float rstd, uint2 x, uint2 weight,
                                            bf16* target) const {
    if (column >= norm_.columns) return;
    const uint32_t values[4] = {x.x & 0xFFFFu, x.x >> 16, x.y & 0xFFFFu, x.y >> 16};
    const uint32_t factors[4] = {weight.x & 0xFFFFu, weight.x >> 16, weight.y & 0xFFFFu, weight.y >> 16};
    bf16 out[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const NormedValue value = normed_value<kRounding>(bf16{uint16_t(values[i])}, rstd, bf16{uint16_t(factors[i])});
      store_normed(out + i, value.out32);
      if (!taps_) continue;
      const int64_t index = int64_t(row) * norm_.columns + column + i;
      tap_normed<kRounding>(tap_, 0, index, value);
      tap_.store(NormTap::kOut, index, out[i]);
    }
    *reinterpret_cast<uint2*>(target + column) = make_uint2(pack_bf16(out[0], out[1]), pack_bf16(out[2], out[3]));
  }

  const NormInput& norm_;
  const int stride_;
  const Tap& tap_;
  const bool taps_, single_;
  const int first_, step_;
  uint2 weights_[kQuads];
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
