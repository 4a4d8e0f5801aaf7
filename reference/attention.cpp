// SPDX-License-Identifier: Apache-2.0
// Eager attention, op by op: the only form of attention in which every intermediate exists and can be recorded.
//
// NUMERICS CONTRACT attention/eager
//   types    q, k, v, scores, probs in T; softmax f32
//   order    A1 q.k and p.v: the batched GEMM of LibTorch, one product for each head of each sequence of the batch, f32
//            sums   A2 softmax: at::softmax over the last axis
//   rounding R1 R(q.k)  R2 R(s * factor), the factor taken as f32  R3 R(s + mask)  R4 softmax in f32 (maximum
//   subtracted,
//            exp, sum, divide), then R  R5 R(p.v)
//   special  the mask is 0 or the lowest finite T, added: a masked score stays finite, its probability underflows to 0
//   repeat   same bits for the same build, machine, shape and thread count
//   source   transformers: eager_attention_forward, repeat_kv, masking_utils.eager_mask,
//            sliding_window_overlay (a key's position above the query's less the window)
//   checked  tests/reference/transformers_test.cpp
//
// NUMERICS CONTRACT attention/sdpa (sdpa): at::scaled_dot_product_attention, as LibTorch's CPU kernel computes it
//   types    q, k, v in T; scores and softmax f32
//   order    free (blocks of keys)
//   rounding R1 R(exp(s - max)) where it meets V; its f32 sum is of unrounded ones   R2 R(p.v / sum)
//            exp(s - max) with the maximum so far, by blocks of 512 keys; with AVX-512 (attention/sdpa-avx512) a cubic
//            good to 1.1e-4 for keys taken sixteen at a time
//   source   aten/native/cpu/FlashAttentionKernel.cpp, fexp_u20 of its vectors
//   checked  tests/cli/sdpa_test.cpp
#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/le.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/transpose.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include "reference/convert.h"
#include "reference/ops.h"

#include <plumbline/error.h>

namespace plumbline::torch_reference {
namespace {

/// [1,KV,P,D] as [1,H,P,D]: query head h reads h / (H/KV) ("block", transformers' repeat_kv) or h % KV ("modulo").
at::Tensor repeat_heads(const Op& op, const at::Tensor& x, int64_t heads) {
  const std::string map = text(op, "kv_map");
  if (map != "block" && map != "modulo")
    throw BackendError("backend torch: op '" + op.name + "' has kv_map '" + map + "'", {}, "known maps: block, modulo");
  const int64_t kv = x.size(1), repeats = heads / kv;
  if (repeats * kv != heads)
    throw BackendError("backend torch: op '" + op.name + "' cannot share heads",
                       {"query heads      " + std::to_string(heads), "key-value heads  " + std::to_string(kv)},
                       "the first must be a multiple of the second");
  if (repeats == 1) return x;
  if (map == "modulo") return x.repeat({1, repeats, 1, 1});
  return x.unsqueeze(2)
      .expand({x.size(0), kv, repeats, x.size(2), x.size(3)})
      .reshape({x.size(0), heads, x.size(2), x.size(3)});
}

/// [tokens, keys]: which key each token of the step may see, by the attributes offset and window.
at::Tensor visible_keys(const OpCall& call, int64_t tokens, int64_t keys, const at::Device& device) {
  const int64_t first = call.step().first_position;
  const at::TensorOptions ids = at::TensorOptions().dtype(at::kLong).device(device);
  const at::Tensor queries = at::arange(first, first + tokens, ids).unsqueeze(1),
                   all = at::arange(keys, ids).unsqueeze(0);
  const at::Tensor seen = at::le(all, at::add(queries, at::Scalar(integer(call.op(), "offset"))));
  const std::optional<int64_t> window = mask_window(call.op());
  return window ? at::logical_and(seen, at::gt(all, at::sub(queries, at::Scalar(*window)))) : seen;
}

}  // namespace

void attn_scores(OpCall& call) {
  const at::Tensor& q = call.input(0);
  const at::Tensor k = repeat_heads(call.op(), call.input(1), q.size(1));
  call.result(0, at::matmul(q, at::transpose(k, 2, 3)));  // A1 R1
}

void scale(OpCall& call) { call.result(0, at::mul(call.input(0), at::Scalar(number(call.op(), "factor")))); }  // R2

void causal_mask(OpCall& call) {
  const at::Tensor& scores = call.input(0);
  const at::Tensor seen = visible_keys(call, scores.size(-2), scores.size(-1), scores.device());
  const double lowest = -max_finite(dtype_of(scores.scalar_type()));
  const at::Tensor mask = at::where(seen, at::zeros({}, scores.options()), at::Scalar(lowest));
  call.result(0, at::add(scores, mask.unsqueeze(0).unsqueeze(0)));  // R3
}

void softmax(OpCall& call) {
  const at::Tensor probs32 = at::softmax(call.input(0), -1, at::kFloat);  // A2 R4
  call.inner(".probs32", probs32);
  call.result(0, probs32.to(call.result_type()));
}

void attn_context(OpCall& call) {
  const at::Tensor& p = call.input(0);
  call.result(0, at::matmul(p, repeat_heads(call.op(), call.input(1), p.size(1))));  // A1 R5
}

void sdpa(OpCall& call) {
  const at::Tensor& q = call.input(0);
  const at::Tensor k = repeat_heads(call.op(), call.input(1), q.size(1));
  const at::Tensor v = repeat_heads(call.op(), call.input(2), q.size(1));
  const at::Tensor mask = visible_keys(call, q.size(2), k.size(2), q.device());
  call.result(0, at::scaled_dot_product_attention(q, k, v, mask, 0.0, false, number(call.op(), "factor")));
}

}  // namespace plumbline::torch_reference
