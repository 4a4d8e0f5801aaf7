// SPDX-License-Identifier: Apache-2.0
// y_p[m,n] = R(sum_k norm(x)[m,k] W_p[n,k] + bias_p[n]) for p = q, k, v; one block a tile of 16 rows of one projection.
// Every block takes the statistic of its 16 rows anew: cheaper than a second launch, and nothing to wait for.
// NUMERICS CONTRACT rmsnorm/llama | rmsnorm/olmo | rmsnorm/f32, then linear/f32acc | linear/f32out |
//   linear/tf32 | linear/f16
//   types    x, weights, biases bf16; y bf16 (f32acc) or f32 (f32out); the normalised row bf16 (llama, olmo) or f32
//   (f32), in shared memory only order    A1 statistic: norm_row.cuh   A2 product: gemm_tile/v1, one chain over
//   ascending k   A3 then the bias rounding R1 norm_row.cuh: two roundings (variant hf), one (single) or none (f32)
//   before the product
//            tf32: normalised values cut to TF32 (bf16 weights lose nothing); fp16_tiles: they and the weights rounded
//            to f16, where 65520 and more become Inf
//            R2 gemm_tile/v1: tensor cores (hf, single) or one fma per k (f32, tf32, fp16_tiles)   R3 + bias in f32 R4
//            to bf16 (f32acc; f32out keeps the sum)
//   special  norm_row.cuh, then linear: a NaN row gives NaN in every output of that row and in no other
//   repeat   the bits of rmsnorm followed by linear; the same for any block size and number of rows; sm_90 and the twin
//   source   hf: transformers Qwen3 (norm, then three linears); single and f32: what fused kernels commonly do;
//            minimal_f32: f32 norm weights and activations, as llama.cpp has them, and q, k in f32 up to their norms
//   checked  tests/kernel/rmsnorm_qkv
#pragma once
#include "cuda/common/tap.h"
#include "cuda/gemm/stage.cuh"
#include "cuda/linear/linear_kernel.cuh"
#include "cuda/rmsnorm/normed_rows.cuh"
#include "cuda/rmsnorm_qkv/projected.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// stage_rows of weights, as the product takes them.
template <Operands kOperands>
__device__ __forceinline__ void stage_weights(const Rows<bf16>& source, int row0, int tile_rows, int k0, bf16* tile) {
  if constexpr (kOperands != Operands::f16) {
    stage_rows(source, row0, tile_rows, k0, tile);
  } else {
    for (int i = int(threadIdx.x); i < tile_rows * kTileDepth; i += int(blockDim.x)) {
      const int row = row0 + i / kTileDepth, k = k0 + i % kTileDepth;
      const bool inside = row < source.rows && k < source.depth;
      tile[i / kTileDepth * kTileStride + i % kTileDepth] =
          inside ? as_operand<kOperands>(source.data[int64_t(row) * source.stride + k]) : zero_of(bf16{});
    }
  }
}

/// The block's tile from its rows of x, wherever they lie. `shared` holds the statistic, then the tiles of the product.
template <NormRounding kRounding, Operands kOperands, Arithmetic kArithmetic, class Tap>
__device__ __forceinline__ void project_tile(const RmsNormQkvArgs& args, const bf16* rows, unsigned char* shared,
                                             const Tap& tap PLUMBLINE_WHERE_PARAM) {
  const int columns = tile_columns(int(blockDim.x));
  int column_tile = int(blockIdx.x), which = 0;
  for (; which < 2; ++which) {
    const int tiles = (args.projections[which].columns + columns - 1) / columns;
    if (column_tile < tiles) break;
    column_tile -= tiles;
  }
  const Projection projection = args.projections[which];
  const Rows<bf16> weight{projection.weight, projection.columns, args.norm.columns, args.norm.columns};
  const int row0 = int(blockIdx.y) * kTileRows, column0 = column_tile * columns;
  const bool taps = Tap::kRecords && blockIdx.x == 0;

  float* rstd = reinterpret_cast<float*>(shared);
  tile_statistics<kArithmetic>(args.norm, rows, row0, rstd, tap, 0, taps PLUMBLINE_WHERE_ARG);  // A1 R1
  PLUMBLINE_BLOCK_BARRIER();
  Accumulator<1> accumulator;
  using Activation = NormOutput<kRounding>;
  accumulate_tile<Activation>(
      accumulator, args.norm.columns, shared + kStatisticBytes,
      [&](int k0, Activation* tile) {
        stage_normed<kRounding, kOperands>(args.norm, rows, row0, rstd, k0, tile, tap, 0, taps);
      },
      [&](int, int k0, bf16* tile) {
        stage_weights<kOperands>(weight, column0, columns, k0, tile);
      } PLUMBLINE_WHERE_ARG);  // A2 R2
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 4; ++i) {
      const int row = row0 + tile_row(i);
      if (row < args.norm.rows)
        store_projected(projection, row, column0 + tile_column(half, i), accumulator.d[0][half][i]);
    }
  }
}

template <NormRounding kRounding, Operands kOperands, Arithmetic kArithmetic, class Tap>
__global__ void rmsnorm_qkv_kernel(RmsNormQkvArgs args, Tap tap) {
  project_tile<kRounding, kOperands, kArithmetic>(args, rows_of(args.norm, int(blockIdx.y) * kTileRows),
                                                  dynamic_shared<unsigned char>(), tap);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
