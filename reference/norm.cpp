// SPDX-License-Identifier: Apache-2.0
// RMSNorm from primitive ops: at::rms_norm rounds once, at its end, and so has another contract than Llama and Qwen.
//
// NUMERICS CONTRACT rmsnorm/llama, rmsnorm/olmo, rmsnorm/gemma, rmsnorm/f32
//   types    x, w in T; all arithmetic f32; y in T (rmsnorm/f32: f32)
//   order    A1 mean of squares over the last axis in at::mean's own order (device, vector width, threads of LibTorch)
//   rounding R1 square  R2 mean  R3 + eps  R4 rsqrt  R5 x * rstd, each to f32
//            llama: R6 n = R(n32)  R7 y = R(w * n)    olmo: R6 y = R(w * n32)    f32: R6 y = w * n32, kept f32
//            gemma: R6 1 + w in f32  R7 y = R(n32 * R6)
//   special  as IEEE f32: an overflowing sum of squares gives rstd 0, hence y 0 for finite x
//   repeat   same bits for the same LibTorch build, device kind and thread count
//   source   Hugging Face transformers: Qwen3RMSNorm (llama), Olmo2RMSNorm since PR 38131 (olmo), Gemma2RMSNorm and
//            Gemma3RMSNorm (gemma); f32 is our choice
//   checked  tests/reference/transformers_test.cpp
#include <ATen/ops/add.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/rsqrt.h>

#include "reference/ops.h"

namespace plumbline::torch_reference {
namespace {

/// [1,S,n*w] as [1,S,n,w] if the norm is per head.
at::Tensor normed_view(const OpCall& call) {
  const int64_t heads = integer(call.op(), "heads");
  const at::Tensor& x = call.input(0);
  return heads == 0 ? x : x.view({x.size(0), x.size(1), heads, -1});
}

}  // namespace

void rmsnorm(OpCall& call) {
  const at::Tensor x32 = normed_view(call).to(at::kFloat);
  const at::Tensor var = at::mean(at::pow(x32, 2), at::IntArrayRef{-1}, /*keepdim=*/true);  // A1 R1 R2
  const at::Tensor rstd = at::rsqrt(at::add(var, at::Scalar(number(call.op(), "eps"))));    // R3 R4
  const at::Tensor n32 = at::mul(x32, rstd);                                                // R5
  const at::Tensor& weight = call.parameter(0);
  call.inner(".x32", x32);
  call.inner(".var", var);
  call.inner(".rstd", rstd);
  call.inner(".n32", n32);
  if (call.op().contract == "rmsnorm/llama") {
    const at::Tensor n = n32.to(call.input(0).scalar_type());  // R6
    call.inner(".n", n);
    call.result(0, at::mul(weight, n));  // R7
  } else if (call.op().contract == "rmsnorm/gemma") {
    const at::Tensor factor = at::add(weight.to(at::kFloat), at::Scalar(1.0));  // R6
    call.result(0, at::mul(n32, factor).to(call.result_type()));                // R7
  } else {
    call.result(0, at::mul(weight, n32).to(call.result_type()));  // R6
  }
}

}  // namespace plumbline::torch_reference
