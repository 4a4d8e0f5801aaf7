// SPDX-License-Identifier: Apache-2.0
// Sum, product, activations and soft caps, element by element.
//
// NUMERICS CONTRACT add/rounded, multiply/rounded, silu/f32, gelu-tanh/f32
//   types    inputs and output in T, arithmetic f32
//   rounding add, multiply: R of the f32 sum or product; silu: x / (1 + exp(-x)) in f32 (LibTorch's exp), then R;
//            gelu-tanh: x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) in f32 (LibTorch's tanh), then R
//   repeat   same bits for the same build and processor (exp is vectorised)
//   source   transformers: Qwen3DecoderLayer, Qwen3MLP, Gemma2MLP      checked  tests/reference/transformers_test.cpp
//
// NUMERICS CONTRACT softcap/rounded
//   types    x and y in T, arithmetic f32
//   rounding R1 R(x / cap), on a GPU R(x * (1 / cap))  R2 R(tanh(R1)), LibTorch's tanh in f32  R3 R(R2 * cap)
//   repeat   same bits for the same build and processor (tanh is vectorised)
//   source   transformers: eager_attention_forward of modeling_gemma2, Gemma2ForCausalLM    checked  as above
#include <ATen/ops/add.h>
#include <ATen/ops/div.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tanh.h>

#include "reference/ops.h"

namespace plumbline::torch_reference {

void add(OpCall& call) { call.result(0, at::add(call.input(0), call.input(1))); }

void multiply(OpCall& call) { call.result(0, at::mul(call.input(0), call.input(1))); }

void silu(OpCall& call) { call.result(0, at::silu(call.input(0))); }

void gelu_tanh(OpCall& call) { call.result(0, at::gelu(call.input(0), "tanh")); }

void softcap(OpCall& call) {
  const at::Scalar cap(number(call.op(), "cap"));
  const at::Tensor quotient = at::div(call.input(0), cap);  // R1
  const at::Tensor bent = at::tanh(quotient);               // R2
  call.inner(".quotient", quotient);
  call.inner(".tanh", bent);
  call.result(0, at::mul(bent, cap));  // R3
}

}  // namespace plumbline::torch_reference
