// SPDX-License-Identifier: Apache-2.0
// GELU as tanh approximates it, of one value, shared by the fused and the unfused path. Invariant: both give the same
// bits. Left to others: everything around it.
// NUMERICS CONTRACT gelu-tanh/f32
//   types    bf16 in, f32 arithmetic, bf16 out
//   order    A1 x * x * x   A2 k * A1 + x   A3 b * A2, b = sqrt(2 / pi), k = 0.044715   A4 1 + tanh(A3)   A5 x / 2 * A4
//   rounding R1 every product and sum to f32   R2 tanh_f32/v2   R3 to bf16; all to nearest even
//   special  NaN: NaN. +Inf: +Inf. -Inf: NaN (Inf times 0). x below about -5.5: -0
//   repeat   the same bits everywhere
//   source   at::gelu(x, "tanh") in f32; its tanh differs by up to 3 ulp before R3
//   checked  tests/kernel/elementwise, all 65,536 inputs
#pragma once
#include "cuda/common/bf16.h"
#include "cuda/common/math.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

__device__ __forceinline__ bf16 gelu_tanh_value(bf16 x) {
  const float value = to_f32(x);
  const float cube = __fmul_rn(__fmul_rn(value, value), value);                              // A1
  const float inner = __fmul_rn(0.79788458f, __fadd_rn(value, __fmul_rn(0.044715f, cube)));  // A2 A3
  return to_bf16(__fmul_rn(__fmul_rn(0.5f, value), __fadd_rn(1.0f, tanh_f32(inner))));       // A4 A5 R2 R3
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
