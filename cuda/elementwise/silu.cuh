// SPDX-License-Identifier: Apache-2.0
// SiLU of one value, shared by the fused and the unfused path. Invariant: both give the same bits.
// Left to others: everything around it.
// NUMERICS CONTRACT silu/f32
//   types    bf16 in, f32 arithmetic, bf16 out
//   order    A1 x / (1 + exp(-x))
//   rounding R1 exp_f32/v1 (torch/sm90: expf of arithmetic.h)   R2 1 + exp   R3 divide   R4 to bf16
//            all to nearest even
//   special  NaN: NaN. +Inf: +Inf. -Inf: NaN (Inf over Inf). x below about -88.7: -0
//   repeat   the same bits everywhere (torch/sm90: sm_90 and the twin)
//   source   at::silu in f32; torch's expf differs from exp_f32 by up to 2 ulp before R4
//   checked  tests/kernel/elementwise, all 65,536 inputs
#pragma once
#include "cuda/common/arithmetic.h"
#include "cuda/common/bf16.h"
#include "cuda/common/defect.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

template <Defect kDefect = Defect::none, Arithmetic kArithmetic = Arithmetic::portable>
__device__ __forceinline__ bf16 silu_value(bf16 x) {
  const float value = to_f32(x);
  if constexpr (kDefect == Defect::other_activation) {
    return to_bf16(__fdiv_rn(value, __fadd_rn(1.0f, exp_f32(__fmul_rn(-1.702f, value)))));
  }
  return to_bf16(__fdiv_rn(value, __fadd_rn(1.0f, exp_of<kArithmetic>(-value))));  // A1 R1 R2 R3 R4
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
