// SPDX-License-Identifier: Apache-2.0
// linear for few rows: gemm/slab.cuh with linear's epilogue. NUMERICS CONTRACT: linear_kernel.cuh, nothing added.
#pragma once
#include "cuda/gemm/slab.cuh"
#include "cuda/linear/linear_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// One element of y, with the residual if there is one.
template <Defect kDefect = Defect::none, class Tap>
__device__ __forceinline__ void store_linear(const LinearArgs& args, int row, int column, float sum, const Tap& tap) {
  if (column >= args.columns) return;
  const int64_t index = int64_t(row) * args.columns + column;
  const bf16 product = round_product<kDefect>(sum, args.bias, column);
  if (args.residual == nullptr) {
    args.y[index] = product;
  } else {
    tap.store(LinearTap::kProduct, index, product);
    args.y[index] = to_bf16(__fadd_rn(to_f32(args.residual[index]), to_f32(product)));  // A3 R4 R5
  }
}

template <int kEights, class Tap>
__global__ void __launch_bounds__(kSlabThreads) linear_slab_kernel(LinearArgs args, SlabPlan plan, Tap tap) {
  const int column0 = int(blockIdx.x) * plan.columns;
  slab_product<kEights>(
      plan,
      [&](int r) { return column0 + r < args.columns ? args.weight + int64_t(column0 + r) * args.depth : nullptr; },
      [] {}, [&](const SlabMemory& slab) { copy_rows(plan, static_cast<const bf16*>(args.x), slab.x); },
      [&](int tile, int group, int row, float low, float high) {
        const int column = column0 + tile * kSlabColumns + group;
        store_linear(args, row, column, low, tap);
        if (tile * kSlabColumns + group + 8 < plan.columns) store_linear(args, row, column + 8, high, tap);
      });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
