// SPDX-License-Identifier: Apache-2.0
// Host side of swiglu: checks, a grid of column tiles (by row tiles, if there are more than a few rows), launch. Which
// kernel it is moves no bit. Invariant: swiglu.h. Device code: swiglu_kernel.cuh, swiglu_slab.cuh.
#include "cuda/swiglu/swiglu.h"

#include <algorithm>

#include "cuda/common/require.h"
#include "cuda/swiglu/swiglu_kernel.cuh"
#include "cuda/swiglu/swiglu_slab.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

namespace {

constexpr int kMostTiles = 3;  // of 8 columns each, in a block

SlabPlan plan_of(const SwigluArgs& args) {
  const int64_t eights = (args.columns + 7) / 8, tiles = (eights + kBlocksAtOnce - 1) / kBlocksAtOnce;
  return {args.norm.rows, args.norm.columns, int(std::min<int64_t>(tiles, kMostTiles)) * kSlabColumns,
          args.norm.columns};
}

bool takes_slab(const SwigluArgs& args, const SlabPlan& plan) {
  return args.rounding != NormRounding::none && fits_slab(plan) && is_aligned(args.norm.x) &&
         is_aligned(args.norm.weight) && is_aligned(args.gate_weight) && is_aligned(args.up_weight);
}

template <NormRounding kRounding>
void launch_slab(const SwigluArgs& args, const SlabPlan& plan, const RecordTap* taps, Stream stream) {
  const LaunchShape shape{dim3(blocks_for(args.columns, plan.columns / 2)), dim3(kSlabThreads), plan.bytes(), true};
  with_arithmetic(args.norm.arithmetic, [&](auto arithmetic) {
    with_eights(plan, [&](auto eights) {
      with_tap(taps, [&](auto tap) {
        launch("swiglu (few rows)", shape, stream,
               swiglu_slab_kernel<kRounding, arithmetic.value, eights.value, decltype(tap)>, args, plan, tap);
      });
    });
  });
}

template <NormRounding kRounding>
void launch_tiles(const SwigluArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  const LaunchShape shape{
      dim3(blocks_for(args.columns, tile_columns(block_threads)), blocks_for(args.norm.rows, kTileRows)),
      dim3(unsigned(block_threads)), kStatisticBytes + tile_bytes<NormOutput<kRounding>>(block_threads, 2)};
  with_arithmetic(args.norm.arithmetic, [&](auto arithmetic) {
    with_tap(taps, [&](auto tap) {
      launch("swiglu", shape, stream, swiglu_kernel<kRounding, arithmetic.value, decltype(tap)>, args, tap);
    });
  });
}

}  // namespace

void swiglu(const SwigluArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (args.norm.rows == 0) return;
  require_positive("swiglu",
                   {{"rows", args.norm.rows}, {"norm columns", args.norm.columns}, {"columns", args.columns}});
  require_pointers("swiglu", {{"x", args.norm.x},
                              {"norm weight", args.norm.weight},
                              {"gate weight", args.gate_weight},
                              {"up weight", args.up_weight},
                              {"y", args.y}});
  require_block("swiglu", block_threads);
  if (const SlabPlan plan = plan_of(args); takes_slab(args, plan)) {
    return args.rounding == NormRounding::two ? launch_slab<NormRounding::two>(args, plan, taps, stream)
                                              : launch_slab<NormRounding::one>(args, plan, taps, stream);
  }
  with_rounding(args.rounding, [&](auto rounding) { launch_tiles<rounding.value>(args, taps, block_threads, stream); });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
