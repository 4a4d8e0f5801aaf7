// SPDX-License-Identifier: Apache-2.0
// y[r,c] = x[r,c] / sqrt(mean_c(x[r,:]^2) + eps) * w[c]; one warp a row: element by element for any row, four by four
// for aligned ones (quad_norm.cuh), the same bits.
// NUMERICS CONTRACT rmsnorm/llama, rmsnorm/olmo, rmsnorm/gemma, rmsnorm/f32: norm_row.cuh, nothing added here.
#pragma once
#include "cuda/common/dependent_launch.h"
#include "cuda/common/tap.h"
#include "cuda/rmsnorm/quad_norm.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

template <NormRounding kRounding, class Tap, Defect kDefect = Defect::none,
          Arithmetic kArithmetic = Arithmetic::portable>
__global__ void rmsnorm_kernel(const bf16* x, const bf16* weight, NormOutput<kRounding>* y, int rows, int columns,
                               int mean_lanes, float eps, float weight_offset, Tap tap) {
  let_next_start();
  wait_for_previous();
  const int row = int(blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32);
  if (row >= rows) return;  // whole warps only, so no collective is left waiting
  const int64_t base = int64_t(row) * columns;
  const RowStatistic statistic = row_statistic<kDefect, kArithmetic>(x + base, columns, mean_lanes, eps);
  if (threadIdx.x % 32 == 0) {
    tap.store(NormTap::kVar, row, statistic.var);
    tap.store(NormTap::kRstd, row, statistic.rstd);
  }
  for (int c = int(threadIdx.x % 32); c < columns; c += 32) {
    const NormedValue value =
        normed_value<kRounding>(x[base + c], statistic.rstd, norm_factor<kRounding>(weight[c], weight_offset));
    tap_normed<kRounding>(tap, 0, base + c, value);
    store_normed(y + base + c, value.out32);
  }
}

template <NormRounding kRounding, Arithmetic kArithmetic, class Tap>
__global__ void rmsnorm_quads_kernel(NormInput norm, bf16* y, Tap tap) {
  const int row = int(blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32), first = int(threadIdx.x) % 32 * 4;
  uint2 weights[kQuads], quads[kQuads];
  load_quads(norm.weight, norm.columns, first, 128, weights);
  wait_for_previous();
  if (row >= norm.rows) return;  // whole warps only, so no collective is left waiting
  const int64_t base = int64_t(row) * norm.columns;
  const RowStatistic statistic = quad_statistic<kArithmetic>(norm, norm.x + base, quads);
  if (threadIdx.x % 32 == 0) {
    tap.store(NormTap::kVar, row, statistic.var);
    tap.store(NormTap::kRstd, row, statistic.rstd);
  }
  const auto store = [&](int c, uint2 x, uint2 weight) {
    *reinterpret_cast<uint2*>(y + base + c) =
        norm_four<kRounding>(x, statistic.rstd, weight, norm.weight_offset, tap, base + c, Tap::kRecords);
  };
#pragma unroll
  for (int j = 0; j < kQuads; ++j) {
    if (first + j * 128 < norm.columns) store(first + j * 128, quads[j], weights[j]);
  }
  for (int c = kQuads * 128 + first; c < norm.columns; c += 128)
    store(c, load_four(norm.x + base + c), load_four(norm.weight + c));
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
