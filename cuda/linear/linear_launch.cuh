// SPDX-License-Identifier: Apache-2.0
// Checks, grid (column tiles by row tiles) and launch of linear for any defect. Invariant: linear.h. linear.cu
// instantiates it without one, cuda/faults/ with one.
#pragma once
#include "cuda/common/require.h"
#include "cuda/linear/linear_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

template <class Activation, Defect kDefect>
void launch_linear(const LinearArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  const LaunchShape shape{dim3(blocks_for(args.columns, tile_columns(block_threads)), blocks_for(args.rows, kTileRows)),
                          dim3(unsigned(block_threads)), tile_bytes<Activation>(block_threads, 1)};
  const Rows<Activation> x{static_cast<const Activation*>(args.x), args.rows, args.depth, args.depth};
  const Rows<bf16> weight{args.weight, args.columns, args.depth, args.depth};
  const auto start = [&](auto tap) {
    launch("linear", shape, stream, linear_kernel<Activation, decltype(tap), kDefect>, x, weight, args.bias,
           args.residual, args.y, args.part_depth == 0 ? args.depth : args.part_depth, tap);
  };
  with_tap<LinearTap::kCount>(taps, start);
}

/// False if there is nothing to do. Throws BackendError as linear.h says.
inline bool check_linear(const LinearArgs& args, int block_threads) {
  if (args.rows == 0) return false;
  require_positive("linear", {{"rows", args.rows}, {"columns", args.columns}, {"depth", args.depth}});
  require_pointers("linear", {{"x", args.x}, {"weight", args.weight}, {"y", args.y}});
  require_block("linear", block_threads);
  if (args.part_depth < 0 || args.part_depth % kStepDepth != 0)
    throw BackendError("launch of 'linear': parts of k must be whole tensor-core steps",
                       {"part  " + std::to_string(args.part_depth)},
                       "take a multiple of " + std::to_string(kStepDepth));
  return true;
}

template <Defect kDefect>
void start_linear(const LinearArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (!check_linear(args, block_threads)) return;
  if (args.x_is_f32) {
    launch_linear<float, kDefect>(args, taps, block_threads, stream);
  } else {
    launch_linear<bf16, kDefect>(args, taps, block_threads, stream);
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
