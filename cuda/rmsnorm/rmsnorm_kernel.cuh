// SPDX-License-Identifier: Apache-2.0
// y[r,c] = x[r,c] / sqrt(mean_c(x[r,:]^2) + eps) * w[c]; one warp a row.
// NUMERICS CONTRACT rmsnorm/llama, rmsnorm/olmo, rmsnorm/f32: norm_row.cuh, nothing added here.
#pragma once
#include "cuda/common/dependent_launch.h"
#include "cuda/common/tap.h"
#include "cuda/rmsnorm/norm_row.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

template <NormRounding kRounding, class Tap, Defect kDefect = Defect::none,
          Arithmetic kArithmetic = Arithmetic::portable>
__global__ void rmsnorm_kernel(const bf16* x, const bf16* weight, NormOutput<kRounding>* y, int rows, int columns,
                               int mean_lanes, float eps, Tap tap) {
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
    const NormedValue value = normed_value<kRounding>(x[base + c], statistic.rstd, weight[c]);
    tap_normed<kRounding>(tap, 0, base + c, value);
    store_normed(y + base + c, value.out32);
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
