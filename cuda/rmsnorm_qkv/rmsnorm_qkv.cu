// SPDX-License-Identifier: Apache-2.0
// Host side of rmsnorm_qkv: checks, a grid of the three projections' column tiles by row tiles, launch. Invariant:
// rmsnorm_qkv.h. Device code: rmsnorm_qkv_kernel.cuh.
#include "cuda/rmsnorm_qkv/rmsnorm_qkv.h"

#include "cuda/common/require.h"
#include "cuda/rmsnorm_qkv/rmsnorm_qkv_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

void rmsnorm_qkv(const RmsNormQkvArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (args.norm.rows == 0) return;
  require_positive("rmsnorm_qkv", {{"rows", args.norm.rows}, {"columns", args.norm.columns}});
  require_pointers("rmsnorm_qkv", {{"x", args.norm.x}, {"norm weight", args.norm.weight}});
  require_block("rmsnorm_qkv", block_threads);
  unsigned column_tiles = 0;
  for (const Projection& projection : args.projections) {
    require_positive("rmsnorm_qkv", {{"columns of a projection", projection.columns}});
    require_pointers("rmsnorm_qkv", {{"projection weight", projection.weight}, {"projection output", projection.y}});
    column_tiles += blocks_for(projection.columns, tile_columns(block_threads));
  }
  with_rounding(args.rounding, [&](auto rounding) {
    const LaunchShape shape{dim3(column_tiles, blocks_for(args.norm.rows, kTileRows)), dim3(unsigned(block_threads)),
                            kStatisticBytes + tile_bytes<NormOutput<rounding.value>>(block_threads, 1)};
    const auto start = [&](auto tap) {
      launch("rmsnorm_qkv", shape, stream, rmsnorm_qkv_kernel<rounding.value, decltype(tap)>, args, tap);
    };
    taps != nullptr ? start(*taps) : start(NoTap{});
  });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
