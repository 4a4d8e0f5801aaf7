// SPDX-License-Identifier: Apache-2.0
// Sum, product and SiLU, element by element.
//
// NUMERICS CONTRACT add/rounded, multiply/rounded, silu/f32
//   types    inputs and output in T, arithmetic f32
//   rounding add, multiply: R of the f32 sum or product; silu: x / (1 + exp(-x)) in f32 (LibTorch's exp), then R
//   repeat   same bits for the same build and processor (exp is vectorised)
//   source   transformers: Qwen3DecoderLayer, Qwen3MLP      checked  tests/reference/transformers_test.cpp
#include <ATen/ops/add.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/silu.h>

#include "reference/ops.h"

namespace plumbline::torch_reference {

void add(OpCall& call) { call.result(0, at::add(call.input(0), call.input(1))); }

void multiply(OpCall& call) { call.result(0, at::mul(call.input(0), call.input(1))); }

void silu(OpCall& call) { call.result(0, at::silu(call.input(0))); }

}  // namespace plumbline::torch_reference
