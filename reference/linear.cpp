// SPDX-License-Identifier: Apache-2.0
// Row look-up and matrix product with a stored [out,in] weight.
//
// NUMERICS CONTRACT embedding/copy
//   types    table in T      rounding  none if scale is 1, else R(row * scale), the scale taken as f32
//   special  ids outside the table never arrive here      source  transformers: nn.Embedding      checked  as below
//
// NUMERICS CONTRACT linear/f32acc
//   types    x, w, b in T, sums f32, y in T; an f32 x (after rmsnorm/f32): w and b widened, product in f32, y in T
//   order    A1 the GEMM of LibTorch for this shape (oneDNN or MKL on the CPU, cuBLAS on a GPU): it may change with the
//            number of rows (of the whole batch) and of threads
//   rounding R1 one R of the f32 sum; the bias is added in f32 before it
//   repeat   same bits for the same build, machine, shape and thread count; no TF32, no bf16 split sums (settings.cpp)
//   source   transformers: nn.Linear = at::linear on the 3-D input
//   checked  tests/reference/transformers_test.cpp
#include <ATen/ops/embedding.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mul.h>

#include <optional>

#include "reference/ops.h"

namespace plumbline::torch_reference {

void embedding(OpCall& call) {
  const at::Tensor rows = at::embedding(call.parameter(0), call.input(0));
  const double scale = number(call.op(), "scale");
  call.result(0, scale == 1.0 ? rows : at::mul(rows, at::Scalar(scale)));
}

void linear(OpCall& call) {
  const at::Tensor& x = call.input(0);
  const at::Tensor weight = call.parameter(0).to(x.scalar_type());
  const std::optional<at::Tensor> bias =
      call.has_parameter(1) ? std::optional(call.parameter(1).to(x.scalar_type())) : std::nullopt;
  call.result(0, at::linear(x, weight, bias).to(call.result_type()));  // A1 R1
}

}  // namespace plumbline::torch_reference
