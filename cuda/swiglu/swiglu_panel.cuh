// SPDX-License-Identifier: Apache-2.0
// swiglu of many rows that are normed already: gemm/panel.cuh. NUMERICS CONTRACT: swiglu_kernel.cuh behind R1, nothing
// added.
#pragma once
#include "cuda/gemm/panel.cuh"
#include "cuda/swiglu/swiglu_store.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

template <class P, Arithmetic kArithmetic, class Tap>
__global__ void __launch_bounds__(kPanelThreads, P::kBlocks)
    swiglu_panel_kernel(SwigluArgs args, PanelPlan plan, Tap tap) {
  const int column0 = int(blockIdx.y) * P::kColumns / 2;
  panel_product<P, false>(
      plan, [&](int row) { return args.norm.normed + int64_t(row) * plan.depth; },
      [&](int r) { return gate_or_up_row(args, column0, r); },
      [&](int tile, int group, int row, float gate, float up) {
        store_swiglu<kArithmetic>(args, row, column0 + tile * 8 + group, gate, up, tap);
      });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
