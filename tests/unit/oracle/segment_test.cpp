// SPDX-License-Identifier: Apache-2.0
// Composed bounds: an op that reads inputs which nobody recorded, only known up to a bound, is still never accused.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "oracle/judge.h"
#include "support/catch.h"
#include "trial/cases.h"

using namespace plumbline;
using namespace plumbline::trial;

namespace {

/// Each input moved by up to `places` units in the last place (some by none), and the bound that says so.
Case moved(const Case& c, int64_t places, Generator& g, std::vector<Array>& bounds) {
  Case out = c;
  for (Array& input : out.in.inputs) {
    Array bound{input.shape, {}};
    for (double& value : input.values) {
      const double most = static_cast<double>(places) * ulp(c.model, value) * static_cast<double>(g.between(0, 1));
      const double before = value;
      value = round_to(c.model, value + most * (static_cast<double>(g.between(-8, 8)) / 8.0));
      bound.values.push_back(std::max(most, std::fabs(value - before)));
    }
    bounds.push_back(std::move(bound));
  }
  return out;
}

void held(OpKind kind, std::string_view name, int rounds) {
  Generator g(500 + static_cast<uint64_t>(kind));
  const Contract& contract = find_contract(name);
  double worst = 0.0;
  for (int round = 0; round < rounds; ++round) {
    for (const Data data : kData) {
      Case c = random_case(kind, data, g);
      const Case actual = moved(c, g.between(1, 40), g, c.in.input_bounds);
      const Evaluated oracle = evaluate(c.op, contract, c.in, DType::bf16).at(0);
      CHECK_FALSE(oracle.bitwise);
      const std::vector<float> result = run(actual, contract, kOrders[g.between(0, 8)]).at(0);
      const Tensor stored =
          Tensor::from_values(oracle.dtype, oracle.exact.shape, std::vector<double>(result.begin(), result.end()));
      const Judgement j = judge(oracle, stored.view());
      INFO(name << " " << op_kind_name(kind) << " ratio " << j.worst_ratio << " masks " << j.mask_breaches);
      if (j.bound_breaches > 0 || j.mask_breaches > 0) FAIL("a right implementation was accused");
      for (size_t i = 0; i < oracle.rounded.size(); ++i) {
        const double off = std::fabs(stored.view().at(static_cast<int64_t>(i)) - oracle.rounded[i]);
        if (off > oracle.spread[i]) FAIL("further from `rounded` than `spread` says");
      }
      worst = std::max(worst, j.worst_ratio);
    }
  }
  std::printf("%-20s %-12s with uncertain inputs: worst |e|/bound %.3f\n", std::string(name).c_str(),
              std::string(op_kind_name(kind)).c_str(), worst);
  CHECK(worst > 0.05);
}

}  // namespace

TEST_CASE("every kind of op bounds what uncertain inputs can do") {
  held(OpKind::linear, "linear/f32acc", 30);
  for (const std::string_view contract : {"rmsnorm/llama", "rmsnorm/olmo", "rmsnorm/gemma", "rmsnorm/f32"})
    held(OpKind::rmsnorm, contract, 20);
  for (const std::string_view contract : {"rope/neox-t", "rope/neox-f32", "rope/interleaved-f32"})
    held(OpKind::rope, contract, 30);
  for (const OpKind kind :
       {OpKind::attn_scores, OpKind::attn_context, OpKind::softmax, OpKind::scale, OpKind::causal_mask})
    for (const std::string_view contract : {"attention/eager", "attention/sdpa", "attention/f32"})
      held(kind, contract, contract == "attention/eager" ? 30 : 10);
  held(OpKind::add, "add/rounded", 30);
  held(OpKind::multiply, "multiply/rounded", 30);
  held(OpKind::silu, "silu/f32", 30);
  held(OpKind::gelu_tanh, "gelu-tanh/f32", 30);
  held(OpKind::softcap, "softcap/rounded", 30);
}

TEST_CASE("two ops as one segment: spread is 0 where the rounding between them is certain") {
  Generator g(9);
  Case norm = random_case(OpKind::rmsnorm, Data::normal, g);
  norm.op.attributes["heads"] = int64_t{0};
  norm.in.inputs = {g.array(Data::normal, {1, 8, 256})};
  norm.in.parameters = {g.array(Data::normal, {256})};
  const Evaluated n = evaluate(norm.op, find_contract("rmsnorm/llama"), norm.in, DType::bf16).at(0);
  const auto certain = std::count(n.spread.begin(), n.spread.end(), 0.0);
  CHECK(certain > 95 * static_cast<int64_t>(n.spread.size()) / 100);

  Case linear;
  linear.op = make_op(OpKind::linear, {});
  linear.in.inputs = {{n.exact.shape, n.rounded}};
  linear.in.parameters = {g.array(Data::normal, {32, 256})};
  const Evaluated alone = evaluate(linear.op, find_contract("linear/f32acc"), linear.in, DType::bf16).at(0);
  linear.in.input_bounds = {{n.exact.shape, n.spread}};
  const Evaluated composed = evaluate(linear.op, find_contract("linear/f32acc"), linear.in, DType::bf16).at(0);
  CHECK(composed.rounded == alone.rounded);
  double wider = 0.0;
  for (size_t i = 0; i < alone.bound.size(); ++i) {
    CHECK(composed.bound[i] >= alone.bound[i]);
    wider += composed.bound[i] / alone.bound[i] / static_cast<double>(alone.bound.size());
  }
  CHECK(wider < 3.0);  // half an ulp per input would make it some twenty times as wide
}
