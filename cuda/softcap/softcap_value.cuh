// SPDX-License-Identifier: Apache-2.0
// A soft cap of one value, shared by attention and the logits. Invariant: both give the same bits.
// Left to others: everything around it.
// NUMERICS CONTRACT softcap/rounded
//   types    bf16 in and out, f32 arithmetic
//   order    none: elements do not meet
//   rounding R1 x / cap to bf16   R2 tanh_f32/v2 of that, to bf16   R3 times cap, to bf16; all to nearest even
//   special  NaN: NaN. +-Inf: +-cap, rounded to bf16
//   repeat   the same bits everywhere
//   source   transformers eager_attention_forward of Gemma 2, and its logits. LibTorch on a GPU takes x * (1 / cap)
//   checked  tests/kernel/elementwise, all 65,536 inputs
#pragma once
#include "cuda/common/bf16.h"
#include "cuda/common/math.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

struct CappedValue {
  bf16 quotient, tanh, out;
};

__device__ __forceinline__ CappedValue softcap_value(bf16 x, float cap) {
  CappedValue value{};
  value.quotient = to_bf16(__fdiv_rn(to_f32(x), cap));      // R1
  value.tanh = to_bf16(tanh_f32(to_f32(value.quotient)));   // R2
  value.out = to_bf16(__fmul_rn(to_f32(value.tanh), cap));  // R3
  return value;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
