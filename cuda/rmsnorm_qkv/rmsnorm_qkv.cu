// SPDX-License-Identifier: Apache-2.0
// Host side of rmsnorm_qkv: checks, a grid of the three projections' columns (by row tiles, if there are more than a
// few rows), launch. Which kernel it is moves no bit. Invariant: rmsnorm_qkv.h. Device code: rmsnorm_qkv_kernel.cuh,
// one_pass_kernel.cuh, rmsnorm_qkv_slab.cuh, rmsnorm_qkv_panel.cuh.
#include "cuda/rmsnorm_qkv/rmsnorm_qkv.h"

#include "cuda/common/require.h"
#include "cuda/rmsnorm/norm_rows.cuh"
#include "cuda/rmsnorm_qkv/one_pass_kernel.cuh"
#include "cuda/rmsnorm_qkv/rmsnorm_qkv_panel.cuh"
#include "cuda/rmsnorm_qkv/rmsnorm_qkv_slab.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

namespace {

void launch_one_pass(const RmsNormQkvArgs& args, dim3 grid, const RecordTap* taps, int block_threads, Stream stream) {
  if (args.rounding != NormRounding::two)
    throw BackendError("launch of 'rmsnorm_qkv': one pass has the rounding of rmsnorm/llama only", {},
                       "take variant single or f32 without it");
  const LaunchShape shape{grid, dim3(unsigned(block_threads)),
                          row_bytes(args.norm.columns) + kStatisticBytes + tile_bytes<bf16>(block_threads, 1)};
  if (shape.shared_bytes > kMostSharedBytes) {
    throw BackendError("launch of 'rmsnorm_qkv': " + std::to_string(kTileRows) +
                           " rows do not fit into shared memory, which one pass needs",
                       {"columns  " + std::to_string(args.norm.columns),
                        "bytes    " + std::to_string(shape.shared_bytes) + " of " + std::to_string(kMostSharedBytes)},
                       "take variant hf, which reads the rows twice and gives the same bits");
  }
  with_arithmetic(args.norm.arithmetic, [&](auto arithmetic) {
    with_tap<NormTap::kCount>(taps, [&](auto tap) {
      launch("rmsnorm_qkv (one pass)", shape, stream, rmsnorm_qkv_one_pass_kernel<arithmetic.value, decltype(tap)>,
             args, tap);
    });
  });
}

template <NormRounding kRounding, Operands kOperands>
void launch_two_passes(const RmsNormQkvArgs& args, dim3 grid, const RecordTap* taps, int block_threads, Stream stream) {
  const LaunchShape shape{grid, dim3(unsigned(block_threads)),
                          kStatisticBytes + tile_bytes<NormOutput<kRounding>>(block_threads, 1)};
  with_arithmetic(args.norm.arithmetic, [&](auto arithmetic) {
    with_tap<NormTap::kCount>(taps, [&](auto tap) {
      launch("rmsnorm_qkv", shape, stream, rmsnorm_qkv_kernel<kRounding, kOperands, arithmetic.value, decltype(tap)>,
             args, tap);
    });
  });
}

SlabPlan plan_of(const RmsNormQkvArgs& args) {
  int64_t columns = 0;
  for (const Projection& projection : args.projections) columns += projection.columns;
  return {args.norm.rows, args.norm.columns, slab_columns(columns), args.norm.columns};
}

/// What the kernels other than the tile kernel need of the arguments.
bool copies_whole_pieces(const RmsNormQkvArgs& args) {
  bool aligned = is_aligned(args.norm.x) && is_aligned(args.norm.weight);
  for (const Projection& projection : args.projections) aligned = aligned && is_aligned(projection.weight);
  return !args.one_pass && aligned && args.rounding != NormRounding::none;
}

void launch_panel(const RmsNormQkvArgs& args, const PanelPlan& plan, const RecordTap* taps, Stream stream) {
  norm_rows(args.norm, args.rounding, args.norm.normed, taps, stream);
  int64_t columns = 0;
  for (const Projection& projection : args.projections) columns += projection.columns;
  with_panel(plan, columns, [&](auto panel) {
    using P = decltype(panel);
    unsigned column_tiles = 0;
    for (const Projection& projection : args.projections) column_tiles += blocks_for(projection.columns, P::kColumns);
    launch("rmsnorm_qkv (many rows)", panel_shape(panel, plan, column_tiles), stream, projections_panel_kernel<P>, args,
           plan);
  });
}

template <NormRounding kRounding>
void launch_slab(const RmsNormQkvArgs& args, const SlabPlan& plan, const RecordTap* taps, Stream stream) {
  unsigned blocks = 0;
  FirstBlocks first{};
  for (int i = 0; i < 3; ++i) {
    first.block[i] = int(blocks);
    blocks += blocks_for(args.projections[i].columns, plan.columns);
  }
  const LaunchShape shape{dim3(blocks + norm_tap_blocks(taps)), dim3(kSlabThreads), plan.bytes(), true};
  with_arithmetic(args.norm.arithmetic, [&](auto arithmetic) {
    with_eights(plan, [&](auto eights) {
      with_tap<NormTap::kCount>(taps, [&](auto tap) {
        launch("rmsnorm_qkv (few rows)", shape, stream,
               rmsnorm_qkv_slab_kernel<kRounding, arithmetic.value, eights.value, decltype(tap)>, args, plan, first,
               tap);
      });
    });
  });
}

}  // namespace

void rmsnorm_qkv(const RmsNormQkvArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (args.norm.rows == 0) return;
  require_positive("rmsnorm_qkv", {{"rows", args.norm.rows}, {"columns", args.norm.columns}});
  require_pointers("rmsnorm_qkv", {{"x", args.norm.x}, {"norm weight", args.norm.weight}});
  require_block("rmsnorm_qkv", block_threads);
  require_offset("rmsnorm_qkv", args.norm.weight_offset, args.rounding);
  unsigned column_tiles = 0;
  for (const Projection& projection : args.projections) {
    require_positive("rmsnorm_qkv", {{"columns of a projection", projection.columns}});
    const void* output = projection.y != nullptr ? static_cast<const void*>(projection.y) : projection.y32;
    require_pointers("rmsnorm_qkv", {{"projection weight", projection.weight}, {"projection output", output}});
    column_tiles += blocks_for(projection.columns, tile_columns(block_threads));
  }
  const dim3 grid(column_tiles, blocks_for(args.norm.rows, kTileRows));
  if (args.one_pass) return launch_one_pass(args, grid, taps, block_threads, stream);
  if (args.operands != Operands::as_given && args.rounding != NormRounding::none)
    throw BackendError("launch of 'rmsnorm_qkv': operands of another format need a norm that keeps f32", {},
                       "take NormRounding::none");
  const bool whole = copies_whole_pieces(args);
  if (const SlabPlan few = plan_of(args); whole && fits_slab(few)) {
    return args.rounding == NormRounding::two ? launch_slab<NormRounding::two>(args, few, taps, stream)
                                              : launch_slab<NormRounding::one>(args, few, taps, stream);
  }
  if (const PanelPlan many{args.norm.rows, args.norm.columns, args.norm.columns};
      whole && args.norm.normed != nullptr && takes_quads(args.norm, args.rounding, args.norm.normed) &&
      fits_panel(many))
    return launch_panel(args, many, taps, stream);
  with_rounding(args.rounding, [&](auto rounding) {
    if constexpr (rounding.value == NormRounding::none) {
      with_operands(args.operands, [&](auto operands) {
        launch_two_passes<NormRounding::none, operands.value>(args, grid, taps, block_threads, stream);
      });
    } else {
      launch_two_passes<rounding.value, Operands::as_given>(args, grid, taps, block_threads, stream);
    }
  });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
