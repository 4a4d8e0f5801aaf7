// SPDX-License-Identifier: Apache-2.0
// Host side of swiglu: checks, a grid of column tiles by row tiles, launch. Invariant: swiglu.h. Device code:
// swiglu_kernel.cuh.
#include "cuda/swiglu/swiglu.h"

#include "cuda/common/require.h"
#include "cuda/swiglu/swiglu_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

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
  with_rounding(args.rounding, [&](auto rounding) {
    const LaunchShape shape{
        dim3(blocks_for(args.columns, tile_columns(block_threads)), blocks_for(args.norm.rows, kTileRows)),
        dim3(unsigned(block_threads)), kStatisticBytes + tile_bytes<NormOutput<rounding.value>>(block_threads, 2)};
    with_arithmetic(args.norm.arithmetic, [&](auto arithmetic) {
      const auto start = [&](auto tap) {
        launch("swiglu", shape, stream, swiglu_kernel<rounding.value, arithmetic.value, decltype(tap)>, args, tap);
      };
      taps != nullptr ? start(*taps) : start(NoTap{});
    });
  });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
