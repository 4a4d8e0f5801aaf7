// SPDX-License-Identifier: Apache-2.0
#include "kernel/rmsnorm_qkv/overwriting.h"

#include "cuda/rmsnorm_qkv/one_pass_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

struct OverwritingTap {
  static constexpr bool kRecords = true;
  bf16* x;
  int columns;
  __device__ void store(int slot, int64_t row, float) const {
    if (slot != NormTap::kVar) return;
    for (int c = 0; c < columns; ++c) x[row * columns + c] = {uint16_t{0x7FFF}};
  }
  __device__ void store(int, int64_t, bf16) const {}
};

}  // namespace

void rmsnorm_qkv_overwriting_x(const RmsNormQkvArgs& args, bf16* x, int block_threads) {
  const OverwritingTap tap{x, args.norm.columns};
  const size_t tiles = kStatisticBytes + tile_bytes<bf16>(block_threads, 1);
  const LaunchShape shape{dim3(1, blocks_for(args.norm.rows, kTileRows)), dim3(unsigned(block_threads)),
                          tiles + (args.one_pass ? row_bytes(args.norm.columns) : 0)};
  args.one_pass
      ? launch("one pass", shape, nullptr, rmsnorm_qkv_one_pass_kernel<Arithmetic::portable, OverwritingTap>, args, tap)
      : launch("two passes", shape, nullptr,
               rmsnorm_qkv_kernel<NormRounding::two, Operands::as_given, Arithmetic::portable, OverwritingTap>, args,
               tap);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
