// SPDX-License-Identifier: Apache-2.0
// Kernels that are wrong by themselves: other activations, a product of rounded partial sums, and what happens to a
// right result on its way to memory. One thread an element, row or pair: they need not be quick.
// NUMERICS CONTRACT none: each deviates from its op's contract as its defect says (cuda/common/defect.h)
//   types    bf16 in and out, arithmetic f32
//   rounding every operation to nearest even, the result to bf16
//   repeat   the same bits for any block size
//   checked  tests/kernel/faults
#pragma once
#include <cmath>

#include "cuda/common/bf16.h"
#include "cuda/common/defect.h"
#include "cuda/common/kernel.h"
#include "cuda/common/math.h"
#include "cuda/common/narrow.h"
#include "cuda/elementwise/elementwise.h"
#include "cuda/linear/linear.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

__device__ __forceinline__ float sigmoid(float x) { return __fdiv_rn(1.0f, __fadd_rn(1.0f, exp_f32(-x))); }

__device__ __forceinline__ float other_activation(Defect defect, float x, float amount) {
  switch (defect) {
    case Defect::gelu_erf: return __fmul_rn(__fmul_rn(0.5f, x), erfcf(__fmul_rn(-0.70710678f, x)));
    case Defect::gelu_tanh: {
      const float cubic = __fmul_rn(__fmul_rn(0.044715f, x), __fmul_rn(x, x));
      return __fmul_rn(__fmul_rn(0.5f, x), __fadd_rn(1.0f, tanh_f32(__fmul_rn(0.79788456f, __fadd_rn(x, cubic)))));
    }
    case Defect::relu: return x > 0.0f ? x : 0.0f;
    case Defect::swish: return __fmul_rn(x, sigmoid(__fmul_rn(amount, x)));
    case Defect::clamped_input: {
      const float cut = fminf(fmaxf(x, -amount), amount);
      return __fmul_rn(cut, sigmoid(cut));
    }
    default: return sigmoid(x);
  }
}

__global__ void activation_kernel(ElementwiseArgs args, Defect defect, float amount) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < args.count) args.y[i] = to_bf16(other_activation(defect, to_f32(args.a[i]), amount));
}

/// The inner dimension in `parts` runs, each summed in f32 and rounded to bf16, their sum in f32.
__global__ void split_product_kernel(LinearArgs args, int parts) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= int64_t(args.rows) * args.columns) return;
  const int64_t x0 = i / args.columns * args.depth, w0 = i % args.columns * args.depth;
  const int width = (args.depth + parts - 1) / parts;
  float sum = 0.0f, part = 0.0f;
  for (int k = 0; k < args.depth; ++k) {
    const float x =
        args.x_is_f32 ? static_cast<const float*>(args.x)[x0 + k] : to_f32(static_cast<const bf16*>(args.x)[x0 + k]);
    part = __fmaf_rn(x, to_f32(args.weight[w0 + k]), part);
    if (k % width != width - 1 && k + 1 != args.depth) continue;
    sum = __fadd_rn(sum, to_f32(to_bf16(part)));
    part = 0.0f;
  }
  if (args.bias != nullptr) sum = __fadd_rn(sum, to_f32(args.bias[i % args.columns]));
  args.y[i] = to_bf16(sum);
}

/// A result [rows, columns] that a defect changes where it lies.
struct ResultArgs {
  bf16* y;
  int64_t rows, columns;
  float amount;
};

__device__ __forceinline__ float spoiled(Defect defect, float y, float amount) {
  const float size = fabsf(y);
  switch (defect) {
    case Defect::through_f8: return through_e4m3(y);
    case Defect::saturated: return fminf(fmaxf(y, -amount), amount);
    case Defect::flushed: return size < amount ? 0.0f : y;
    case Defect::overflowed: return size > amount ? copysignf(__uint_as_float(0x7F800000u), y) : y;
    default: return __fmul_rn(y, amount);
  }
}

/// The place whose value element (row, column) should hold, or -1 for zero, under a defect that moves values.
__device__ __forceinline__ int64_t moved_from(Defect defect, const ResultArgs& args, int64_t row, int64_t column) {
  const int64_t at = row * args.columns + column, count = int64_t(args.amount);
  switch (defect) {
    case Defect::rows_unwritten: return row >= args.rows - count ? -1 : at;
    case Defect::columns_unwritten: return column >= args.columns - count ? -1 : at;
    case Defect::row_repeated: return row > 0 && row == args.rows - 1 ? at - args.columns : at;
    default: return column >= args.columns - count && column >= count ? at - count : at;
  }
}

__global__ void result_kernel(ResultArgs args, Defect defect) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= args.rows * args.columns) return;
  const int64_t row = i / args.columns, column = i % args.columns;
  if (defect == Defect::neighbours_swapped) {
    if (column % 2 == 1) return;  // the pair is the even column's work
    if (column + 1 == args.columns) return;
    const bf16 first = args.y[i];
    args.y[i] = args.y[i + 1];
    args.y[i + 1] = first;
  } else if (defect <= Defect::result_scaled) {
    args.y[i] = to_bf16(spoiled(defect, to_f32(args.y[i]), args.amount));
  } else if (const int64_t from = moved_from(defect, args, row, column); from != i) {
    args.y[i] = from < 0 ? bf16{0} : args.y[from];
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
