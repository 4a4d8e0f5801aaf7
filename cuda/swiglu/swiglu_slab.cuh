// SPDX-License-Identifier: Apache-2.0
// swiglu for few rows: gemm/slab.cuh behind rmsnorm/slab_norm.cuh. NUMERICS CONTRACT: swiglu_kernel.cuh, nothing added.
#pragma once
#include "cuda/rmsnorm/slab_norm.cuh"
#include "cuda/swiglu/swiglu_store.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

template <NormRounding kRounding, Arithmetic kArithmetic, int kEights, class Tap>
__global__ void __launch_bounds__(kSlabThreads) swiglu_slab_kernel(SwigluArgs args, SlabPlan plan, Tap tap) {
  const int column0 = int(blockIdx.x) * plan.columns / 2;
  SlabNorm<kRounding, kArithmetic, Tap> norm(args.norm, plan, tap, is_norm_tap_block<Tap>());
  if (is_norm_tap_block<Tap>()) return norm.record_only(plan);
  slab_product<kEights, kSlabThreads / 32>(
      plan,
      [&](int e) {
        return slab_eight(e % 2 == 0 ? args.gate_weight : args.up_weight, plan.depth, column0 + e / 2 * 8,
                          args.columns);
      },
      [&] { norm.load_weights(); }, NothingAhead{}, [&](const SlabMemory& slab) { norm.stage(slab); },
      [&](int tile, int group, int row, float gate, float up, int) {
        store_swiglu<kArithmetic>(args, row, column0 + tile * 8 + group, gate, up, tap);
      });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
