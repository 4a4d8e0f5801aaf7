// SPDX-License-Identifier: Apache-2.0
// y[m,n] = R(sum_k x[m,k] W[n,k] + bias[n]), or R(residual[m,n] + that): one block a tile of 16 rows.
// NUMERICS CONTRACT linear/f32acc, add/rounded
//   types    x bf16 or f32, W, bias, residual, y bf16; accumulator f32
//   order    A1 gemm_tile/v1: one chain over ascending k; in parts: one each, added in ascending order
//            A2 then the bias   A3 then the residual
//   rounding R1 gemm_tile/v1   R2 + bias in f32   R3 to bf16   R4 residual + product in f32   R5 to bf16
//            R2 to R5 to nearest even. With a bias the output is rounded once, after it
//   special  NaN and Inf as IEEE addition has them; a finite accumulator past bf16's maximum becomes Inf in R3
//   repeat   the same bits for any block size and number of rows; tensor cores of sm_90 only, as gemm_tile/v1
//   source   at::linear of LibTorch: 3-D input with bias takes addmm, whose epilogue adds in f32 before the one
//   rounding;
//            the residual add is a separate op there, hence R3 before R4
//   checked  tests/kernel/linear
#pragma once
#include "cuda/common/tap.h"
#include "cuda/gemm/stage.cuh"
#include "cuda/linear/linear.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// The product with its bias, if it has one.
__device__ __forceinline__ float biased_product(float accumulator, const bf16* bias, int column) {
  return bias == nullptr ? accumulator : __fadd_rn(accumulator, to_f32(bias[column]));  // A2 R2
}

/// The same, rounded.
template <Defect kDefect = Defect::none>
__device__ __forceinline__ bf16 round_product(float accumulator, const bf16* bias, int column) {
  const float product = biased_product(accumulator, bias, column);
  if constexpr (kDefect == Defect::truncating_cast) return {uint16_t(__float_as_uint(product) >> 16)};
  return to_bf16(product);  // R3
}

/// Element `index` of a residual, if there is one.
__device__ __forceinline__ bf16 residual_value(const bf16* residual, int64_t index) {
  return residual == nullptr ? bf16{} : residual[index];
}

/// One element of y: the rounded product, or, if it `adds`, `before` plus that.
template <Defect kDefect = Defect::none, class Tap>
__device__ __forceinline__ void store_product(float sum, const bf16* bias, bool adds, bf16 before, bf16* y,
                                              int64_t index, int column, const Tap& tap) {
  const bf16 product = round_product<kDefect>(sum, bias, column);
  if (!adds) {
    y[index] = product;
  } else {
    tap.store(LinearTap::kProduct, index, product);
    y[index] = to_bf16(__fadd_rn(to_f32(before), to_f32(product)));  // A3 R4 R5
  }
}

/// Columns first ... first + depth - 1 of the block's tile of x W^T.
template <class Activation, Defect kDefect>
__device__ __forceinline__ void accumulate_part(Accumulator<1>& accumulator, const Rows<Activation>& x,
                                                const Rows<bf16>& weight, int row0, int column0, int first,
                                                int depth PLUMBLINE_WHERE_PARAM) {
  const int columns = tile_columns(int(blockDim.x));
  accumulate_tile<Activation, kDefect>(
      accumulator, depth, dynamic_shared<unsigned char>(),
      [&](int k0, Activation* tile) { stage_rows(x, row0, kTileRows, first + k0, tile); },
      [&](int, int k0, bf16* tile) {
        stage_rows(weight, column0, columns, first + k0, tile);
      } PLUMBLINE_WHERE_ARG);  // A1 R1
}

template <class Activation, class Tap, Defect kDefect = Defect::none>
__global__ void linear_kernel(Rows<Activation> x, Rows<bf16> weight, const bf16* bias, const bf16* residual, bf16* y,
                              int part_depth, Tap tap) {
  const int columns = tile_columns(int(blockDim.x));
  const int row0 = int(blockIdx.y) * kTileRows, column0 = int(blockIdx.x) * columns;
  Accumulator<1> accumulator;
  accumulate_part<Activation, kDefect>(accumulator, x, weight, row0, column0, 0, part_depth);
  for (int first = part_depth; first < x.depth; first += part_depth) {
    Accumulator<1> part;
    const int depth = x.depth - first < part_depth ? x.depth - first : part_depth;
    accumulate_part<Activation, kDefect>(part, x, weight, row0, column0, first, depth);
    for (int i = 0; i < 8; ++i)
      accumulator.d[0][i / 4][i % 4] = __fadd_rn(accumulator.d[0][i / 4][i % 4], part.d[0][i / 4][i % 4]);
  }
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 4; ++i) {
      const int row = row0 + tile_row(i), column = column0 + tile_column(half, i);
      if (row >= x.rows || column >= weight.rows) continue;
      const int64_t index = int64_t(row) * weight.rows + column;
      store_product<kDefect>(accumulator.d[0][half][i], bias, residual != nullptr, residual_value(residual, index), y,
                             index, column, tap);
    }
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
