// SPDX-License-Identifier: Apache-2.0
// rmsnorm_qkv for few rows: gemm/slab.cuh behind rmsnorm/slab_norm.cuh, a block's columns being those of one
// projection. NUMERICS CONTRACT: rmsnorm_qkv_kernel.cuh (llama and olmo), nothing added.
#pragma once
#include "cuda/rmsnorm/slab_norm.cuh"
#include "cuda/rmsnorm_qkv/projected.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Of each projection. The host counts: blocks would divide before they ask for their weights.
struct FirstBlocks {
  int block[3];
};

template <NormRounding kRounding, Arithmetic kArithmetic, int kEights, class Tap>
__global__ void __launch_bounds__(kSlabThreads)
    rmsnorm_qkv_slab_kernel(RmsNormQkvArgs args, SlabPlan plan, FirstBlocks first, Tap tap) {
  const int block = int(blockIdx.x), which = block < first.block[1] ? 0 : block < first.block[2] ? 1 : 2;
  const int column0 = (block - first.block[which]) * plan.columns;
  const Projection projection = args.projections[which];
  SlabNorm<kRounding, kArithmetic, Tap> norm(args.norm, plan, tap, is_norm_tap_block<Tap>());
  if (is_norm_tap_block<Tap>()) return norm.record_only(plan);
  slab_product<kEights, 1>(
      plan, [&](int e) { return slab_eight(projection.weight, plan.depth, column0 + e * 8, projection.columns); },
      [&] { norm.load_weights(); }, NothingAhead{}, [&](const SlabMemory& slab) { norm.stage(slab); },
      [&](int tile, int group, int row, float low, float high, int) {
        const int local = tile * kSlabColumns + group;
        store_projected(projection, row, column0 + local, low);
        if (local + 8 < plan.columns) store_projected(projection, row, column0 + local + 8, high);
      });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
