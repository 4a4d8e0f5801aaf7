// SPDX-License-Identifier: Apache-2.0
// Ops that move values and change none: heads apart, heads together, the growing cache.
//
// NUMERICS CONTRACT layout/copy
//   rounding none: every output bit is an input bit
//   special  views stay views (strided), as in transformers: LibTorch may pick another kernel for another layout
//   source   transformers: Qwen3Attention.forward, DynamicLayer.update
//   checked  tests/reference/transformers_test.cpp
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/transpose.h>

#include "reference/ops.h"

namespace plumbline::torch_reference {

void split_heads(OpCall& call) {
  const at::Tensor& x = call.input(0);
  const at::Tensor per_head = x.dim() == 4 ? x : x.view({x.size(0), x.size(1), integer(call.op(), "heads"), -1});
  call.result(0, at::transpose(per_head, 1, 2));
}

void merge_heads(OpCall& call) {
  const at::Tensor by_token = at::transpose(call.input(0), 1, 2).contiguous();
  call.result(0, by_token.reshape({by_token.size(0), by_token.size(1), -1}).contiguous());
}

void kv_append(OpCall& call) {
  const at::Tensor& fresh = call.input(0);
  at::Tensor& past = call.past();
  past = at::cat({past.defined() ? past : at::empty({0}, fresh.options()), fresh}, -2);
  call.result(0, past);
}

}  // namespace plumbline::torch_reference
