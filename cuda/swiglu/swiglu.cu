// SPDX-License-Identifier: Apache-2.0
// Host side of swiglu: checks, a grid of column tiles (by row tiles, if there are more than a few rows), launch. Which
// kernel it is moves no bit. Invariant: swiglu.h. Device code: swiglu_kernel.cuh, swiglu_slab.cuh,
// swiglu_panel.cuh.
#include "cuda/swiglu/swiglu.h"

#include <algorithm>

#include "cuda/common/require.h"
#include "cuda/rmsnorm/norm_rows.cuh"
#include "cuda/swiglu/swiglu_kernel.cuh"
#include "cuda/swiglu/swiglu_panel.cuh"
#include "cuda/swiglu/swiglu_slab.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

namespace {

constexpr int kMostTiles = 3;  // of 8 columns each, in a block

SlabPlan plan_of(const SwigluArgs& args) {
  const int64_t eights = (args.columns + 7) / 8, tiles = (eights + kBlocksAtOnce - 1) / kBlocksAtOnce;
  return {args.norm.rows, args.norm.columns, int(std::min<int64_t>(tiles, kMostTiles)) * kSlabColumns,
          args.norm.columns};
}

/// What the kernels other than the tile kernel need of the arguments.
bool copies_whole_pieces(const SwigluArgs& args) {
  return args.rounding != NormRounding::none && is_aligned(args.norm.x) && is_aligned(args.norm.weight) &&
         is_aligned(args.gate_weight) && is_aligned(args.up_weight);
}

void launch_panel(const SwigluArgs& args, const PanelPlan& plan, const RecordTap* taps, Stream stream) {
  norm_rows(args.norm, args.rounding, args.norm.normed, taps, stream);
  with_panel(plan, 2 * int64_t(args.columns), [&](auto panel) {
    using P = decltype(panel);
    const LaunchShape shape = panel_shape(panel, plan, blocks_for(2 * int64_t(args.columns), P::kColumns));
    with_arithmetic(args.norm.arithmetic, [&](auto arithmetic) {
      with_tap<SwigluTap::kCount>(taps, [&](auto tap) {
        launch("swiglu (many rows)", shape, stream, swiglu_panel_kernel<P, arithmetic.value, decltype(tap)>, args, plan,
               tap);
      });
    });
  });
}

template <NormRounding kRounding>
void launch_slab(const SwigluArgs& args, const SlabPlan& plan, const RecordTap* taps, Stream stream) {
  const unsigned blocks = blocks_for(args.columns, plan.columns / 2) + norm_tap_blocks(taps);
  const LaunchShape shape{dim3(blocks), dim3(kSlabThreads), plan.bytes(), true};
  with_arithmetic(args.norm.arithmetic, [&](auto arithmetic) {
    with_eights(plan, [&](auto eights) {
      with_tap<SwigluTap::kCount>(taps, [&](auto tap) {
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
    with_tap<SwigluTap::kCount>(taps, [&](auto tap) {
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
  require_offset("swiglu", args.norm.weight_offset, args.rounding);
  if (args.gelu && args.norm.arithmetic != Arithmetic::portable)
    throw BackendError("launch of 'swiglu': GELU has portable arithmetic only", {}, "take Arithmetic::portable");
  const bool whole = copies_whole_pieces(args);
  if (const SlabPlan few = plan_of(args); whole && fits_slab(few)) {
    return args.rounding == NormRounding::two ? launch_slab<NormRounding::two>(args, few, taps, stream)
                                              : launch_slab<NormRounding::one>(args, few, taps, stream);
  }
  if (const PanelPlan many{args.norm.rows, args.norm.columns, args.norm.columns};
      whole && args.norm.normed != nullptr && takes_quads(args.norm, args.rounding, args.norm.normed) &&
      fits_panel(many))
    return launch_panel(args, many, taps, stream);
  with_rounding(args.rounding, [&](auto rounding) { launch_tiles<rounding.value>(args, taps, block_threads, stream); });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
