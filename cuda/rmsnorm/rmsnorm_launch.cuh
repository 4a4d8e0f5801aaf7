// SPDX-License-Identifier: Apache-2.0
// Checks, grid and launch of rmsnorm for any defect. Invariant: rmsnorm.h. rmsnorm.cu instantiates it without one,
// cuda/faults/ with one.
#pragma once
#include "cuda/common/require.h"
#include "cuda/rmsnorm/rmsnorm.h"
#include "cuda/rmsnorm/rmsnorm_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// False if there is nothing to do. Throws BackendError as rmsnorm.h says.
inline bool check_rmsnorm(const RmsNormArgs& args, int block_threads) {
  if (args.rows == 0) return false;
  require_positive("rmsnorm", {{"rows", args.rows}, {"columns", args.columns}});
  require_pointers("rmsnorm", {{"x", args.x}, {"weight", args.weight}, {"y", args.y}});
  require_block("rmsnorm", block_threads);
  require_offset("rmsnorm", args.weight_offset, args.rounding);
  return true;
}

template <Defect kDefect, Arithmetic kArithmetic = Arithmetic::portable>
void start_rmsnorm(const RmsNormArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (!check_rmsnorm(args, block_threads)) return;
  const LaunchShape shape{dim3(blocks_for(args.rows, block_threads / 32)), dim3(unsigned(block_threads)), 0, true};
  with_rounding(args.rounding, [&](auto rounding) {
    using Output = NormOutput<rounding.value>;
    const auto start = [&](auto tap) {
      launch("rmsnorm", shape, stream, rmsnorm_kernel<rounding.value, decltype(tap), kDefect, kArithmetic>, args.x,
             args.weight, static_cast<Output*>(args.y), args.rows, args.columns, args.mean_lanes, args.eps,
             args.weight_offset, tap);
    };
    with_tap<NormTap::kCount>(taps, start);
  });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
