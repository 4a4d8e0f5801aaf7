// SPDX-License-Identifier: Apache-2.0
// Rotary position embedding: the table of cosines and sines, and its application to queries or keys.
//
// NUMERICS CONTRACT rope-table/f32, rope-table/f32out
//   types    positions i64, taken as f32 (exact to 2^24); all arithmetic f32; cos and sin handed out in T, f32out: in
//   f32 order    none (no sums) rounding R1 2i/D  R2 theta^R1  R3 1/R2 (inv_freq, always on the CPU, kept f32)  R4
//   position * inv_freq
//            R5 cos, sin, each to f32  R6 R(cos), R(sin); not in f32out
//            Scaled: scaled() stands between R3 and R4, each of its operations rounds to f32, tagged S1 ... S12.
//            Python's numbers are rounded to f32 where they meet a tensor; a number over a tensor is the tensor's
//            reciprocal, then a product. longrope: L1 factor * R2, whose reciprocal R3 takes; L2 cosines and sines
//            times the attention factor
//   repeat   R2 and R5 are LibTorch's pow, cos and sin: same bits for the same build, processor and device kind
//   source   transformers: Qwen3RotaryEmbedding, LlamaRotaryEmbedding, _compute_llama3_parameters,
//            _compute_longrope_parameters;
//            Ernie4_5RotaryEmbedding (f32out)
//   checked  tests/reference/transformers_test.cpp
//
// NUMERICS CONTRACT rope/neox-t, rope/neox-f32, rope/interleaved-f32
//   types    neox-t: cos, sin in T, every op on T computes in f32 and rounds to T; the others: all arithmetic f32
//   order    A1 one sum: x * cos + rot(x) * sin
//   rounding neox-t: R1 R(x * cos)  R2 R(rot(x) * sin)  R3 R(R1 + R2); others: products and sum to f32, then R once
//   special  rot: pairs (i, i + D/2) if pairing is "half"; (2i, 2i + 1), with the first half of the table, if
//   "interleaved" source   transformers: modeling_qwen3 (neox-t), modeling_olmo2 (neox-f32), modeling_ernie4_5
//   (interleaved-f32) checked  tests/reference/transformers_test.cpp (neox-t, interleaved-f32)
#include <numbers>

#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/div.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/logical_or.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/repeat_interleave.h>
#include <ATen/ops/rsub.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/slice.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include "reference/ops.h"

#include <plumbline/error.h>

namespace plumbline::torch_reference {
namespace {

/// theta^(2i/D).
at::Tensor powers(double theta, int64_t head_dim) {
  const at::Tensor exponents =
      at::div(at::arange(0, head_dim, 2, at::TensorOptions().dtype(at::kFloat)), at::Scalar(head_dim));  // R1
  return at::pow(at::Scalar(theta), exponents);                                                          // R2
}

/// transformers' _compute_longrope_parameters: the factors as f32, L1 their product with the powers, R3 of that.
at::Tensor stretched(const at::Tensor& powers, const std::vector<double>& factors) {
  return at::reciprocal(at::mul(at::tensor(factors, at::TensorOptions().dtype(at::kFloat)), powers));
}

/// transformers' _compute_llama3_parameters, operation by operation.
at::Tensor scaled(const at::Tensor& inv_freq, const RopeScaling& scaling) {
  const double low = scaling.low_freq_factor, high = scaling.high_freq_factor, length = scaling.original_positions;
  const at::Scalar factor(scaling.factor), turn(2 * std::numbers::pi);
  const at::Tensor wavelength = at::mul(at::reciprocal(inv_freq), turn);  // S1 S2
  const at::Tensor is_long = at::gt(wavelength, at::Scalar(length / low));
  const at::Tensor base = at::where(is_long, at::div(inv_freq, factor), inv_freq);             // S3
  const at::Tensor turns = at::mul(at::reciprocal(wavelength), at::Scalar(length));            // S4 S5
  const at::Tensor weight = at::div(at::sub(turns, at::Scalar(low)), at::Scalar(high - low));  // S6 S7
  const at::Tensor divided = at::div(at::mul(at::rsub(weight, at::Scalar(1)), base), factor);  // S8 S9 S10
  const at::Tensor blended = at::add(divided, at::mul(weight, base));                          // S11 S12
  const at::Tensor is_short = at::lt(wavelength, at::Scalar(length / high));
  return at::where(at::logical_or(is_short, is_long), base, blended);
}

/// Of a step: longrope's depend on where it ends.
at::Tensor frequencies(const OpCall& call, const std::optional<RopeScaling>& scaling) {
  const at::Tensor unscaled = powers(number(call.op(), "theta"), integer(call.op(), "head_dim"));
  if (!scaling) return at::reciprocal(unscaled);  // R3
  switch (scaling->kind) {
    case RopeScaling::Kind::llama3: return scaled(at::reciprocal(unscaled), *scaling);
    case RopeScaling::Kind::linear: return at::div(at::reciprocal(unscaled), at::Scalar(scaling->factor));
    case RopeScaling::Kind::longrope:
      return stretched(unscaled, scaling->factors(call.step().first_position + call.input(0).numel()));
  }
  return {};
}

bool interleaved(const Op& op) {
  const std::string pairing = text(op, "pairing");
  if (pairing != "half" && pairing != "interleaved")
    throw BackendError("backend torch: op '" + op.name + "' has pairing '" + pairing + "'", {},
                       "known pairings: half, interleaved");
  return pairing == "interleaved";
}

at::Tensor rotate_half(const at::Tensor& x) {
  const int64_t half = x.size(-1) / 2;
  return at::cat({at::neg(at::slice(x, -1, half)), at::slice(x, -1, 0, half)}, -1);
}

at::Tensor rotate_pairs(const at::Tensor& x) {
  const at::Tensor even = at::slice(x, -1, 0, std::nullopt, 2), odd = at::slice(x, -1, 1, std::nullopt, 2);
  return at::stack({at::neg(odd), even}, -1).flatten(-2);
}

/// [1,S,D] as [1,1,S,D]; for interleaved pairs each of the first D/2 entries twice in a row.
at::Tensor broadcast_table(const at::Tensor& table, bool pairs) {
  if (!pairs) return table.unsqueeze(1);
  return at::repeat_interleave(at::slice(table, -1, 0, table.size(-1) / 2), 2, -1).unsqueeze(1);
}

}  // namespace

void rope_table(OpCall& call) {
  const at::Tensor& positions = call.input(0);
  const auto scaling = rope_scaling(call.op());
  const at::Tensor inv_freq = frequencies(call, scaling).to(positions.device());
  const at::Tensor freqs = at::mul(positions.unsqueeze(0).unsqueeze(-1).to(at::kFloat), inv_freq);  // R4
  const at::Tensor angles = at::cat({freqs, freqs}, -1);
  at::Tensor cos32 = at::cos(angles), sin32 = at::sin(angles);  // R5
  if (scaling && scaling->kind == RopeScaling::Kind::longrope) {
    const at::Scalar factor(scaling->attention_factor);
    cos32 = at::mul(cos32, factor);  // L2
    sin32 = at::mul(sin32, factor);
  }
  call.inner(".inv_freq", inv_freq);
  call.inner(".freqs", freqs);
  call.inner(".cos32", cos32);
  call.inner(".sin32", sin32);
  call.result(0, cos32.to(call.result_type(0)));  // R6
  call.result(1, sin32.to(call.result_type(1)));
}

void rope(OpCall& call) {
  const bool pairs = interleaved(call.op());
  const bool f32 = call.op().contract != "rope/neox-t";
  const at::ScalarType type = f32 ? at::kFloat : call.input(0).scalar_type();
  const int64_t rotated_channels = call.input(1).size(-1);
  const at::Tensor x = at::slice(call.input(0), -1, 0, rotated_channels).to(type);
  const at::Tensor cos = broadcast_table(call.input(1).to(type), pairs);
  const at::Tensor sin = broadcast_table(call.input(2).to(type), pairs);
  const at::Tensor direct = at::mul(x, cos);                                          // R1
  const at::Tensor rotated = at::mul(pairs ? rotate_pairs(x) : rotate_half(x), sin);  // R2
  call.inner("_cos", direct);
  call.inner("_rot_sin", rotated);
  const at::Tensor sum = at::add(direct, rotated).to(call.result_type());  // A1 R3
  const bool whole = rotated_channels == call.input(0).size(-1);
  call.result(0, whole ? sum : at::cat({sum, at::slice(call.input(0), -1, rotated_channels)}, -1));
}

}  // namespace plumbline::torch_reference
