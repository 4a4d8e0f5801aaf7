// SPDX-License-Identifier: Apache-2.0
// Staging functor of fused kernels: the rows of A are RMSNormed on their way into shared memory. Invariant: what is
// staged are the bits that the rmsnorm kernel would have stored. Left to others: the product (gemm/), the formula
// (norm_row.cuh), where the rows lie: in device memory, or in shared memory (rmsnorm_qkv/one_pass_kernel.cuh).
#pragma once
#include "cuda/gemm/gemm_tile.cuh"
#include "cuda/rmsnorm/norm_row.cuh"
#include "cuda/rmsnorm/operand.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Bytes that a fused kernel keeps in front of its tiles for the rstd of its rows.
inline constexpr size_t kStatisticBytes = 128;
static_assert(kStatisticBytes >= kTileRows * sizeof(float) && kStatisticBytes % 16 == 0,
              "the tiles behind it are read 16 bytes at a time");

/// The tile's rows where device memory has them.
__device__ __forceinline__ const bf16* rows_of(const NormInput& norm, int row0) {
  return norm.x + int64_t(row0) * norm.columns;
}

/// Fills rstd[kTileRows] in shared memory for the tile's rows (0 for rows past the end). `rows` holds row row0 and
/// those behind it, norm.columns apart. All threads of the block call it and need a barrier before they read; `taps`
/// says whether this block records (one column of blocks does).
template <Arithmetic kArithmetic, class Tap>
__device__ __forceinline__ void tile_statistics(const NormInput& norm, const bf16* rows, int row0, float* rstd,
                                                const Tap& tap, int first_slot, bool taps PLUMBLINE_WHERE_PARAM) {
  const int warps = int(blockDim.x) / 32;
  for (int r = int(threadIdx.x) / 32; r < kTileRows; r += warps) {
    const int row = row0 + r;
    RowStatistic statistic{0.0f, 0.0f};
    if (row < norm.rows) {
      statistic = row_statistic<Defect::none, kArithmetic>(rows + int64_t(r) * norm.columns, norm.columns,
                                                           norm.mean_lanes, norm.eps PLUMBLINE_WHERE_ARG);
    }
    if (threadIdx.x % 32 != 0) continue;
    rstd[r] = statistic.rstd;
    if (taps && row < norm.rows) {
      tap.store(first_slot + NormTap::kVar, row, statistic.var);
      tap.store(first_slot + NormTap::kRstd, row, statistic.rstd);
    }
  }
}

/// Stages columns k0 ... k0 + kTileDepth - 1 of the normalised rows row0 ...; zeros past the ends. `rows` as above. The
/// tap of the output holds it as the norm gives it, the tile as the product takes it.
template <NormRounding kRounding, Operands kOperands = Operands::as_given, class Tap>
__device__ __forceinline__ void stage_normed(const NormInput& norm, const bf16* rows, int row0, const float* rstd,
                                             int k0, NormOutput<kRounding>* tile, const Tap& tap, int first_slot,
                                             bool taps) {
  for (int i = int(threadIdx.x); i < kTileRows * kTileDepth; i += int(blockDim.x)) {
    const int r = i / kTileDepth, k = k0 + i % kTileDepth;
    NormOutput<kRounding>* element = tile + r * kTileStride + i % kTileDepth;
    if (row0 + r >= norm.rows || k >= norm.columns) {
      store_normed(element, 0.0f);
      continue;
    }
    const int64_t index = int64_t(row0 + r) * norm.columns + k;
    const NormedValue value = normed_value<kRounding>(rows[int64_t(r) * norm.columns + k], rstd[r],
                                                      norm_factor<kRounding>(norm.weight[k], norm.weight_offset));
    NormOutput<kRounding> out;
    store_normed(&out, value.out32);
    *element = as_operand<kOperands>(out);
    if (taps) {
      tap_normed<kRounding>(tap, first_slot, index, value);
      tap.store(first_slot + NormTap::kOut, index, out);
    }
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
