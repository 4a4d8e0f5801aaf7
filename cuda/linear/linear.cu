// SPDX-License-Identifier: Apache-2.0
// Host side of linear, without defect: which kernel takes how many rows, which moves no bit. Invariant: linear.h.
// Device code: linear_kernel.cuh, linear_slab.cuh, linear_panel.cuh.
#include "cuda/linear/linear.h"

#include "cuda/linear/linear_launch.cuh"
#include "cuda/linear/linear_panel.cuh"
#include "cuda/linear/linear_slab.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

namespace {

SlabPlan plan_of(const LinearArgs& args) {
  return {args.rows, args.depth, slab_columns(args.columns), args.part_depth == 0 ? args.depth : args.part_depth};
}

bool copies_whole_pieces(const LinearArgs& args) {
  return !args.x_is_f32 && is_aligned(args.x) && is_aligned(args.weight);
}

void launch_slab(const LinearArgs& args, const SlabPlan& plan, const RecordTap* taps, Stream stream) {
  const LaunchShape shape{dim3(blocks_for(args.columns, plan.columns)), dim3(kSlabThreads), plan.bytes(), true};
  with_eights(plan, [&](auto eights) {
    with_tap<LinearTap::kCount>(taps, [&](auto tap) {
      launch("linear (few rows)", shape, stream, linear_slab_kernel<eights.value, decltype(tap)>, args, plan, tap);
    });
  });
}

template <bool kInParts, class P>
void launch_panel(P panel, const LinearArgs& args, const PanelPlan& plan, const RecordTap* taps, Stream stream) {
  const LaunchShape shape = panel_shape(panel, plan, blocks_for(args.columns, P::kColumns));
  with_tap<LinearTap::kCount>(taps, [&](auto tap) {
    launch("linear (many rows)", shape, stream, linear_panel_kernel<P, kInParts, decltype(tap)>, args, plan, tap);
  });
}

void launch_panel(const LinearArgs& args, const PanelPlan& plan, const RecordTap* taps, Stream stream) {
  if (plan.in_parts()) return launch_panel<true>(SmallPanel{}, args, plan, taps, stream);
  with_panel(plan, args.columns, [&](auto panel) { launch_panel<false>(panel, args, plan, taps, stream); });
}

}  // namespace

void linear(const LinearArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (!check_linear(args, block_threads)) return;
  const bool whole = copies_whole_pieces(args);
  const SlabPlan few = plan_of(args);
  if (whole && fits_slab(few)) return launch_slab(args, few, taps, stream);
  const PanelPlan many{args.rows, args.depth, few.part_depth};
  if (whole && fits_panel(many)) return launch_panel(args, many, taps, stream);
  start_linear<Defect::none>(args, taps, block_threads, stream);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
