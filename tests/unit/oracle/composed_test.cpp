// SPDX-License-Identifier: Apache-2.0
// Segments of several ops of which only the first inputs are known: the composed bound holds for every legal order of
// every op in it, and each op's rounding of what the one before it stored.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "oracle/judge.h"
#include "support/catch.h"
#include "trial/cases.h"

using namespace plumbline;
using namespace plumbline::trial;

namespace {

/// What was replayed so far, and what an implementation has stored.
struct Passed {
  Array value, bound, stored;
};

Passed recorded(Array values) { return {values, {}, values}; }

/// Goes through one op on both ways. `inputs` may be uncertain.
class Segment {
 public:
  Segment(Generator& g, Order order) : g_(g), order_(order) {}

  Passed step(OpKind kind, std::string_view contract, Attributes attributes, const std::vector<Passed>& inputs,
              std::vector<Array> parameters = {}) {
    Case replayed, actual;
    replayed.op = make_op(kind, std::move(attributes));
    replayed.op.outputs[0].dtype = g_.model();
    actual.op = replayed.op;
    actual.model = g_.model();
    replayed.in.parameters = actual.in.parameters = std::move(parameters);
    for (const Passed& input : inputs) {
      replayed.in.inputs.push_back(input.value);
      replayed.in.input_bounds.push_back(input.bound);
      actual.in.inputs.push_back(input.stored);
    }
    oracle_.push_back(evaluate(replayed.op, find_contract(contract), replayed.in, g_.model()).at(0));
    const Evaluated& last = oracle_.back();
    Array stored{last.exact.shape, {}};
    const std::vector<float> results = run(actual, find_contract(contract), order_).at(0);
    for (const float value : results) stored.values.push_back(round_to(g_.model(), static_cast<double>(value)));
    Passed passed{{last.exact.shape, last.rounded}, {last.exact.shape, last.spread}, stored};
    INFO(op_kind_name(kind) << " in " << dtype_name(g_.model()) << ", order " << static_cast<int>(order_));
    CHECK(share(passed) <= 1.0);
    return passed;
  }

  /// Largest |stored - exact| / bound of the last op; infinite bounds hold anything.
  double share(const Passed& passed) const {
    const Evaluated& last = oracle_.back();
    double worst = 0.0;
    for (size_t i = 0; i < last.bound.size(); ++i) {
      const double error = std::fabs(passed.stored.values[i] - last.exact.values[i]);
      if (last.escapes[i] == 0 && error > 0.0) worst = std::max(worst, error / last.bound[i]);
    }
    return worst;
  }

 private:
  Generator& g_;
  Order order_;
  std::vector<Evaluated> oracle_;
};

double attention(Generator& g, Data data, Order order) {
  const int64_t heads = g.between(1, 2), tokens = g.between(1, 17), width = 2 * g.between(1, 33);
  Segment segment(g, order);
  const auto angles = [&](double (*wave)(double)) {
    Array table = g.array(Data::normal, {1, tokens, width});
    for (double& value : table.values) value = round_to(g.model(), wave(value));
    return recorded(table);
  };
  const Passed cos = angles(std::cos), sin = angles(std::sin);
  const auto rotated = [&] {
    Passed x = recorded(g.array(data, {1, tokens, heads * width}));
    x = segment.step(OpKind::rmsnorm, "rmsnorm/llama", {{"eps", 1e-6}, {"heads", heads}}, {x},
                     {g.array(Data::normal, {width})});
    x = segment.step(OpKind::split_heads, "layout/copy", {{"heads", heads}}, {x});
    return segment.step(OpKind::rope, "rope/neox-t", {{"pairing", std::string("half")}}, {x, cos, sin});
  };
  const Passed q = rotated(), k = rotated();
  const Attributes map = {{"kv_map", std::string("block")}};
  Passed s = segment.step(OpKind::attn_scores, "attention/eager", map, {q, k});
  s = segment.step(OpKind::scale, "attention/eager", {{"factor", 1.0 / std::sqrt(static_cast<double>(width))}}, {s});
  s = segment.step(OpKind::causal_mask, "attention/eager", {{"offset", int64_t{0}}}, {s});
  s = segment.step(OpKind::softmax, "attention/eager", {}, {s});
  const Passed v = recorded(g.array(data, {1, heads, tokens, width}));
  const Passed out = segment.step(OpKind::attn_context, "attention/eager", map, {s, v});
  return segment.share(out);
}

double swiglu(Generator& g, Data data, Order order) {
  const int64_t tokens = g.between(1, 4), width = g.between(1, 65), inner = g.between(1, 33);
  Segment segment(g, order);
  const auto weight = [&](int64_t rows, int64_t columns) {
    Array w = g.array(Data::normal, {rows, columns});
    for (double& value : w.values) value = round_to(g.model(), value / std::sqrt(static_cast<double>(columns)));
    return std::vector<Array>{w};
  };
  const Passed x = recorded(g.array(data, {1, tokens, width}));
  const Passed n = segment.step(OpKind::rmsnorm, "rmsnorm/olmo", {{"eps", 1e-6}, {"heads", int64_t{0}}}, {x},
                                {g.array(Data::normal, {width})});
  const Passed gate = segment.step(OpKind::linear, "linear/f32acc", {}, {n}, weight(inner, width));
  const Passed up = segment.step(OpKind::linear, "linear/f32acc", {}, {n}, weight(inner, width));
  const Passed act = segment.step(OpKind::silu, "silu/f32", {}, {gate});
  const Passed product = segment.step(OpKind::multiply, "multiply/rounded", {}, {act, up});
  const Passed down = segment.step(OpKind::linear, "linear/f32acc", {}, {product}, weight(width, inner));
  const Passed sum = segment.step(OpKind::add, "add/rounded", {}, {x, down});
  return segment.share(sum);
}

void hold_segment(const char* name, double (*segment)(Generator&, Data, Order)) {
  double worst = 0.0;
  for (const DType model : {DType::bf16, DType::f32}) {
    Generator g(77, model);
    for (int round = 0; round < 6; ++round) {
      for (const Data data : {Data::normal, Data::positive, Data::wide, Data::cancelling, Data::sparse_huge}) {
        const double share = segment(g, data, kOrders[g.between(0, 8)]);
        INFO(name << " on " << data_name(data) << " data, " << dtype_name(model) << ", round " << round);
        CHECK(share <= 1.0);
        worst = std::max(worst, share);
      }
    }
  }
  std::printf("%s as one segment: worst |e|/bound %.3f\n", name, worst);
  CHECK(worst > 0.01);
}

}  // namespace

TEST_CASE("nine ops of an attention head as one segment stay within the composed bound") {
  hold_segment("norm, rope, scores, softmax, context", attention);
}

TEST_CASE("seven ops of a feed-forward block as one segment stay within the composed bound") {
  hold_segment("norm, gate, up, silu, product, down, residual", swiglu);
}
