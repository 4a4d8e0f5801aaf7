// SPDX-License-Identifier: Apache-2.0
// y[i] = R(a[i] + b[i]), R(a[i] * b[i]), R(silu(a[i])) or R(gelu(a[i])); one thread an element.
// NUMERICS CONTRACT add/rounded, multiply/rounded, silu/f32, gelu-tanh/f32
//   types    bf16 in and out, f32 arithmetic
//   order    none: elements do not meet
//   rounding R1 the operation in f32   R2 to bf16 (together the correctly rounded bf16 result); silu: silu.cuh;
//            gelu-tanh: gelu.cuh
//   special  IEEE; NaN results are bf16 0x7FFF; past bf16's maximum: Inf
//   repeat   the same bits everywhere
//   source   LibTorch's a + b, a * b, at::silu on bf16 tensors
//   checked  tests/kernel/elementwise
#pragma once
#include "cuda/common/bf16.h"
#include "cuda/elementwise/elementwise.h"
#include "cuda/elementwise/gelu.cuh"
#include "cuda/elementwise/silu.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

template <ElementwiseOp kOp, Defect kDefect = Defect::none, Arithmetic kArithmetic = Arithmetic::portable>
__global__ void elementwise_kernel(ElementwiseArgs args) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= args.count) return;
  if constexpr (kOp == ElementwiseOp::silu) {
    args.y[i] = silu_value<kDefect, kArithmetic>(args.a[i]);
  } else if constexpr (kOp == ElementwiseOp::gelu_tanh) {
    args.y[i] = gelu_tanh_value(args.a[i]);
  } else if constexpr (kOp == ElementwiseOp::add) {
    args.y[i] = to_bf16(__fadd_rn(to_f32(args.a[i]), to_f32(args.b[i])));  // R1 R2
  } else {
    args.y[i] = to_bf16(__fmul_rn(to_f32(args.a[i]), to_f32(args.b[i])));  // R1 R2
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
