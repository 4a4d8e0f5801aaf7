// SPDX-License-Identifier: Apache-2.0
// The projections of many rows that are normed already: gemm/panel.cuh, a block's columns being those of one
// projection. NUMERICS CONTRACT: rmsnorm_qkv_kernel.cuh (llama and olmo) behind R1, nothing added.
#pragma once
#include "cuda/gemm/panel.cuh"
#include "cuda/rmsnorm_qkv/projected.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

template <class P>
__global__ void __launch_bounds__(kPanelThreads, P::kBlocks)
    projections_panel_kernel(RmsNormQkvArgs args, PanelPlan plan) {
  int column0 = int(blockIdx.y) * P::kColumns, which = 0;
  for (; which < 2; ++which) {
    const int columns = (args.projections[which].columns + P::kColumns - 1) / P::kColumns * P::kColumns;
    if (column0 < columns) break;
    column0 -= columns;
  }
  const Projection projection = args.projections[which];
  panel_product<P, false>(
      plan, [&](int row) { return args.norm.normed + int64_t(row) * plan.depth; },
      [&](int r) {
        return column0 + r < projection.columns ? projection.weight + int64_t(column0 + r) * plan.depth : nullptr;
      },
      [&](int tile, int group, int row, float low, float high) {
        const int column = column0 + tile * kSlabColumns + group;
        store_projected(projection, row, column, low);
        store_projected(projection, row, column + 8, high);
      });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
