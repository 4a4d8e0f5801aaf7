// SPDX-License-Identifier: Apache-2.0
// The norm in front of slab.cuh: every block norms all rows of x itself, while its weights are on their way. Invariant:
// the bits of norm_row.cuh; lanes of the mean are spread over the block's threads, which moves none. Left to others:
// the product. NUMERICS CONTRACT: norm_row.cuh, nothing added.
#pragma once
#include "cuda/gemm/slab.cuh"
#include "cuda/rmsnorm/norm_row.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Shared memory behind the slab's.
struct SlabNormMemory {
  float* squares;  ///< [rows][lanes]
  float* rstd;     ///< [kMostSlabRows]
  bf16* weight;    ///< [columns]
};

__host__ __device__ constexpr size_t slab_norm_bytes(int rows, int columns, int lanes) {
  return (size_t(rows) * size_t(lanes) + kMostSlabRows) * sizeof(float) + size_t(columns) * sizeof(bf16);
}

__device__ __forceinline__ SlabNormMemory slab_norm_memory(const NormInput& norm, unsigned char* rest) {
  SlabNormMemory memory;
  memory.squares = reinterpret_cast<float*>(rest);
  memory.rstd = memory.squares + norm.rows * norm.mean_lanes;
  memory.weight = reinterpret_cast<bf16*>(memory.rstd + kMostSlabRows);
  return memory;
}

/// Starts the copy of the norm's weights, as a group of its own.
__device__ __forceinline__ void fetch_norm_weight(const NormInput& norm, const SlabNormMemory& memory) {
  for (int c = int(threadIdx.x) * 8; c < norm.columns; c += int(blockDim.x) * 8)
    async_copy_16(memory.weight + c, norm.weight + c);
  async_commit();
}

/// The sum of squares that one lane keeps; columns are a multiple of 4.
__device__ __forceinline__ float quad_squares(const bf16* x, int columns, int lane, int lanes) {
  float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  for (int c = lane * 4; c < columns; c += 4 * lanes) {
    const uint2 four = *reinterpret_cast<const uint2*>(x + c);
    const uint32_t bits[4] = {four.x << 16, four.x & 0xFFFF0000u, four.y << 16, four.y & 0xFFFF0000u};
#pragma unroll
    for (int slot = 0; slot < 4; ++slot) {
      const float value = __uint_as_float(bits[slot]);
      sums[slot] = __fadd_rn(sums[slot], __fmul_rn(value, value));  // A1 R1 R2
    }
  }
  return __fadd_rn(__fadd_rn(__fadd_rn(sums[0], sums[1]), sums[2]), sums[3]);  // A2 R2
}

/// One row's statistic from its lanes' sums, in every lane of the warp.
template <Arithmetic kArithmetic>
__device__ __forceinline__ RowStatistic statistic_of_squares(const float* squares, int columns, int lanes,
                                                             float eps PLUMBLINE_WHERE_PARAM) {
  constexpr int kShares = kMaxMeanLanes / 32;
  float sums[kShares];
#pragma unroll
  for (int share = 0; share < kShares; ++share)
    sums[share] = share * 32 < lanes ? squares[share * 32 + int(threadIdx.x) % 32] : 0.0f;
#pragma unroll
  for (int half = kShares / 2; half > 0; half /= 2) {
#pragma unroll
    for (int share = 0; share < half; ++share) {
      if (half * 32 < lanes) sums[share] = __fadd_rn(sums[share], sums[share + half]);  // A3 R2
    }
  }
  const float sum = warp_sum(sums[0] PLUMBLINE_WHERE_ARG);                     // A3 R2
  const float var = __fmul_rn(sum, __fdiv_rn(1.0f, float(columns)));           // R3
  return {var, rsqrt_of<kArithmetic>(__fadd_rn(var, eps))};                    // R4 R5
}

/// Fills memory.x with the normalised rows. All threads of the block call it; a barrier must follow. `taps` says
/// whether this block records.
template <NormRounding kRounding, Arithmetic kArithmetic, class Tap>
__device__ __forceinline__ void stage_slab_norm(const NormInput& norm, const SlabPlan& plan, const SlabMemory& slab,
                                                const SlabNormMemory& memory, const Tap& tap,
                                                bool taps PLUMBLINE_WHERE_PARAM) {
  const int threads = int(blockDim.x), thread = int(threadIdx.x), lanes = norm.mean_lanes, stride = plan.stride();
  copy_rows(plan, norm.x, slab.x);
  PLUMBLINE_BLOCK_BARRIER();
  for (int i = thread; i < norm.rows * lanes; i += threads)
    memory.squares[i] = quad_squares(slab.x + i / lanes * stride, norm.columns, i % lanes, lanes);
  async_wait<kSlabGroups>();  // the norm's weights
  PLUMBLINE_BLOCK_BARRIER();
  for (int row = thread / 32; row < norm.rows; row += threads / 32) {
    const RowStatistic statistic = statistic_of_squares<kArithmetic>(memory.squares + row * lanes, norm.columns, lanes,
                                                                     norm.eps PLUMBLINE_WHERE_ARG);
    if (thread % 32 != 0) continue;
    memory.rstd[row] = statistic.rstd;
    if (!taps) continue;
    tap.store(NormTap::kVar, row, statistic.var);
    tap.store(NormTap::kRstd, row, statistic.rstd);
  }
  PLUMBLINE_BLOCK_BARRIER();
  for (int row = 0; row < norm.rows; ++row) {
    for (int c = thread; c < norm.columns; c += threads) {
      bf16* element = slab.x + row * stride + c;
      const NormedValue value = normed_value<kRounding>(*element, memory.rstd[row], memory.weight[c]);
      store_normed(element, value.out32);
      if (!taps) continue;
      tap_normed<kRounding>(tap, 0, int64_t(row) * norm.columns + c, value);
      tap.store(NormTap::kOut, int64_t(row) * norm.columns + c, *element);
    }
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
