// SPDX-License-Identifier: Apache-2.0
// y[m,n] = R(R(silu(g)) * u), g = R(norm(x) Wg^T + bg), u = R(norm(x) Wu^T + bu); one block a tile of 16 rows of both.
// NUMERICS CONTRACT rmsnorm/llama | rmsnorm/olmo | rmsnorm/f32, then linear/f32acc twice, silu/f32 (with gelu:
// gelu-tanh/f32), multiply/rounded
//   types    x, weights, biases, y bf16; the normalised row bf16 or f32 (rmsnorm/f32); accumulators f32
//   order    A1 statistic: norm_row.cuh   A2 both products: gemm_tile/v1, one chain over ascending k each   A3 the
//   biases rounding R1 norm_row.cuh   R2 gemm_tile/v1   R3 + bias   R4 gate and up to bf16   R5 silu/f32, to bf16
//            R6 act * up in f32   R7 to bf16
//   special  norm_row.cuh, linear, silu/f32; 0 * Inf in R6 gives NaN
//   repeat   the bits of the five ops one after the other; any block size and number of rows; sm_90 and the twin
//   source   transformers Qwen3MLP behind Qwen3RMSNorm, eager
//   checked  tests/kernel/swiglu
#pragma once
#include "cuda/gemm/stage.cuh"
#include "cuda/rmsnorm/normed_rows.cuh"
#include "cuda/swiglu/swiglu_store.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

template <NormRounding kRounding, Arithmetic kArithmetic, class Tap>
__global__ void swiglu_kernel(SwigluArgs args, Tap tap) {
  const int columns = tile_columns(int(blockDim.x));
  const int row0 = int(blockIdx.y) * kTileRows, column0 = int(blockIdx.x) * columns;
  const Rows<bf16> gate{args.gate_weight, args.columns, args.norm.columns, args.norm.columns};
  const Rows<bf16> up{args.up_weight, args.columns, args.norm.columns, args.norm.columns};
  const bool taps = Tap::kRecords && blockIdx.x == 0;

  float* rstd = dynamic_shared<float>();
  tile_statistics<kArithmetic>(args.norm, rows_of(args.norm, row0), row0, rstd, tap, 0, taps);  // A1 R1
  __syncthreads();
  Accumulator<2> accumulator;
  using Activation = NormOutput<kRounding>;
  accumulate_tile<Activation>(
      accumulator, args.norm.columns, dynamic_shared<unsigned char>() + kStatisticBytes,
      [&](int k0, Activation* tile) {
        stage_normed<kRounding>(args.norm, rows_of(args.norm, row0), row0, rstd, k0, tile, tap, 0, taps);
      },
      [&](int matrix, int k0, bf16* tile) {
        stage_rows(matrix == 0 ? gate : up, column0, columns, k0, tile);
      });  // A2 R2
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 4; ++i)
      store_swiglu<kArithmetic>(args, row0 + tile_row(i), column0 + tile_column(half, i), accumulator.d[0][half][i],
                                accumulator.d[1][half][i], tap);
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
