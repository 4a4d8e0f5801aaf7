// SPDX-License-Identifier: Apache-2.0
// Host side of linear: checks, a grid of column tiles by row tiles, launch. Invariant: linear.h. Device code:
// linear_kernel.cuh.
#include "cuda/linear/linear.h"

#include "cuda/common/require.h"
#include "cuda/linear/linear_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

namespace {

template <class Activation>
void launch_linear(const LinearArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  const LaunchShape shape{dim3(blocks_for(args.columns, tile_columns(block_threads)), blocks_for(args.rows, kTileRows)),
                          dim3(unsigned(block_threads)), tile_bytes<Activation>(block_threads, 1)};
  const Rows<Activation> x{static_cast<const Activation*>(args.x), args.rows, args.depth, args.depth};
  const Rows<bf16> weight{args.weight, args.columns, args.depth, args.depth};
  const auto start = [&](auto tap) {
    launch("linear", shape, stream, linear_kernel<Activation, decltype(tap)>, x, weight, args.bias, args.residual,
           args.y, tap);
  };
  taps != nullptr ? start(*taps) : start(NoTap{});
}

}  // namespace

void linear(const LinearArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (args.rows == 0) return;
  require_positive("linear", {{"rows", args.rows}, {"columns", args.columns}, {"depth", args.depth}});
  require_pointers("linear", {{"x", args.x}, {"weight", args.weight}, {"y", args.y}});
  require_block("linear", block_threads);
  if (args.x_is_f32) {
    launch_linear<float>(args, taps, block_threads, stream);
  } else {
    launch_linear<bf16>(args, taps, block_threads, stream);
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
