// SPDX-License-Identifier: Apache-2.0
// linear for many rows: gemm/panel.cuh. NUMERICS CONTRACT: linear_kernel.cuh (bf16 activations), nothing added.
#pragma once
#include "cuda/gemm/panel.cuh"
#include "cuda/linear/linear_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

template <class P, bool kInParts, class Tap>
__global__ void __launch_bounds__(kPanelThreads, P::kBlocks)
    linear_panel_kernel(LinearArgs args, PanelPlan plan, Tap tap) {
  const int column0 = int(blockIdx.y) * P::kColumns;
  const bf16* x = static_cast<const bf16*>(args.x);
  const auto store = [&](int row, int column, float sum) {
    if (column >= args.columns) return;
    const int64_t index = int64_t(row) * args.columns + column;
    store_product(sum, args.bias, args.residual != nullptr, residual_value(args.residual, index), args.y, index, column,
                  tap);
  };
  panel_product<P, kInParts>(
      plan, [&](int row) { return x + int64_t(row) * args.depth; },
      [&](int r) { return column0 + r < args.columns ? args.weight + int64_t(column0 + r) * args.depth : nullptr; },
      [&](int tile, int group, int row, float low, float high) {
        const int column = column0 + tile * kSlabColumns + group;
        store(row, column, low);
        store(row, column + 8, high);
      });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
