// SPDX-License-Identifier: Apache-2.0
// linear for few rows: gemm/slab.cuh with linear's epilogue. NUMERICS CONTRACT: linear_kernel.cuh, nothing added.
#pragma once
#include "cuda/gemm/slab.cuh"
#include "cuda/linear/linear_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

template <int kEights, class Tap>
__global__ void __launch_bounds__(kSlabThreads) linear_slab_kernel(LinearArgs args, SlabPlan plan, Tap tap) {
  const int column0 = int(blockIdx.x) * plan.columns;
  const auto store = [&](int row, int column, float sum) {
    if (column < args.columns)
      store_product(sum, args.bias, args.residual, args.y, int64_t(row) * args.columns + column, column, tap);
  };
  slab_product<kEights>(
      plan,
      [&](int r) { return column0 + r < args.columns ? args.weight + int64_t(column0 + r) * args.depth : nullptr; },
      [] {}, [&](const SlabMemory& slab) { copy_rows(plan, static_cast<const bf16*>(args.x), slab.x); },
      [&](int tile, int group, int row, float low, float high) {
        const int column = column0 + tile * kSlabColumns + group;
        store(row, column, low);
        if (tile * kSlabColumns + group + 8 < plan.columns) store(row, column + 8, high);
      });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
