// SPDX-License-Identifier: Apache-2.0
// Host side of linear, without defect: which kernel takes how many rows, which moves no bit. Invariant: linear.h.
// Device code: linear_kernel.cuh, linear_slab.cuh.
#include "cuda/linear/linear.h"

#include "cuda/linear/linear_launch.cuh"
#include "cuda/linear/linear_slab.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

namespace {

SlabPlan plan_of(const LinearArgs& args) {
  return {args.rows, args.depth, slab_columns(args.columns), args.part_depth == 0 ? args.depth : args.part_depth};
}

bool takes_slab(const LinearArgs& args, const SlabPlan& plan) {
  return !args.x_is_f32 && fits_slab(plan) && is_aligned(args.x) && is_aligned(args.weight);
}

void launch_slab(const LinearArgs& args, const SlabPlan& plan, const RecordTap* taps, Stream stream) {
  const LaunchShape shape{dim3(blocks_for(args.columns, plan.columns)), dim3(kSlabThreads), plan.bytes(), true};
  with_eights(plan, [&](auto eights) {
    with_tap(taps, [&](auto tap) {
      launch("linear (few rows)", shape, stream, linear_slab_kernel<eights.value, decltype(tap)>, args, plan, tap);
    });
  });
}

}  // namespace

void linear(const LinearArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (!check_linear(args, block_threads)) return;
  const SlabPlan plan = plan_of(args);
  if (!takes_slab(args, plan)) return start_linear<Defect::none>(args, taps, block_threads, stream);
  launch_slab(args, plan, taps, stream);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
