// SPDX-License-Identifier: Apache-2.0
// No right implementation is ever accused: random ops of each kind under each contract, over kind and unkind data, each
// computed in f32 in every legal order, stay within the oracle's bounds and pass the mismatch law. And the bounds are
// tight enough to mean something. `plumbline bounds --ops 2000` is the long form.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include <plumbline/error.h>

#include "core/parallel.h"
#include "support/catch.h"
#include "trial/table.h"

using namespace plumbline;
using namespace plumbline::trial;

namespace {

std::string name_of(const Row& row) {
  return std::string(op_kind_name(row.subject.kind)) + " " + std::string(row.subject.contract) + " " +
         (row.subject.declared ? std::string(sum_order_name(*row.subject.declared)) : "") + " " +
         std::string(data_name(row.data));
}

std::vector<Row> rows_of(int64_t ops, uint64_t seed, DType model) {
  return hold(subjects(), {.ops = ops, .seed = seed, .model = model, .threads = default_threads()});
}

void require_sound(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    INFO(name_of(row) << ": worst " << row.worst << ", unequal " << row.unequal << ", " << row.accusation);
    CHECK(row.sound());
    CHECK(row.elements > 0);
  }
}

/// Of all rows of that kind and order over that data.
double median_of(const std::vector<Row>& rows, OpKind kind, std::optional<SumOrder> declared, Data data) {
  std::vector<double> shares;
  for (const Row& row : rows)
    if (row.subject.kind == kind && row.subject.declared == declared && row.data == data)
      shares.insert(shares.end(), row.shares.begin(), row.shares.end());
  REQUIRE_FALSE(shares.empty());
  std::sort(shares.begin(), shares.end());
  return shares[shares.size() / 2];
}

}  // namespace

TEST_CASE(
    "every kind of op under every contract: no legal order leaves its bound, copies and exact ops are met bit for "
    "bit") {
  const std::vector<Row> rows = rows_of(9, 1, DType::bf16);
  require_sound(rows);
  std::set<OpKind> kinds;
  std::set<std::string_view> contracts;
  for (const Row& row : rows) {
    kinds.insert(row.subject.kind);
    contracts.insert(row.subject.contract);
  }
  CHECK(kinds.size() == static_cast<size_t>(OpKind::gelu_tanh) + 1);
  CHECK(contracts.size() == all_contracts().size());
  // One right result: nothing is left open before the output's rounding.
  for (const Row& row : rows)
    for (const OpKind exact : {OpKind::embedding, OpKind::add, OpKind::multiply, OpKind::scale, OpKind::kv_append})
      if (row.subject.kind == exact) CHECK(row.exact);
}

TEST_CASE("models in f32 and f16 are bounded as well") {
  require_sound(rows_of(9, 2, DType::f32));
  require_sound(rows_of(10, 3, DType::f16));
}

TEST_CASE(
    "parts summed on tensor cores lie within the bound of parts in any order, which is wider, and both are sound") {
  Generator generator(11);
  for (const Data data : {Data::normal, Data::positive, Data::wide, Data::cancelling}) {
    double any = 0.0, declared = 0.0;
    for (int i = 0; i < 20; ++i) {
      const Case c = random_case(OpKind::linear, data, generator);
      const Contract& contract = find_contract("linear/f32acc");
      const std::vector<float> values = run(c, contract, Order::bf16_parts).at(0);
      for (const auto within : {std::optional<SumOrder>{}, std::optional{SumOrder::tensor_core}}) {
        const std::vector<Evaluated> oracle =
            evaluate_in_order(c.op, contract, c.in, c.model, {SumOrder::bf16_parts, c.parts, within});
        const Tensor stored =
            Tensor::from_values(c.model, oracle[0].exact.shape, std::vector<double>(values.begin(), values.end()));
        const Judgement j = judge(oracle[0], stored.view());
        INFO(data_name(data) << " " << i << ": ratio " << j.worst_ratio << ", mismatches " << j.mismatches);
        CHECK(j.failed == Gate::none);
        for (size_t k = 0; k < oracle[0].bound.size(); ++k) {
          const double size = std::fabs(oracle[0].exact.values[k]) + 1.0;
          (within ? declared : any) += oracle[0].bound[k] / size;
        }
      }
    }
    CHECK(declared < any);
  }
  CHECK_THROWS_AS(
      evaluate_in_order(random_case(OpKind::linear, Data::normal, generator).op, find_contract("linear/f32acc"), {},
                        DType::bf16, {SumOrder::bf16_parts, 2, SumOrder::online}),
      InputError);
}

TEST_CASE("what was reached does not depend on the number of threads", "[threads]") {
  const auto text = [](int threads) {
    const Request request{.ops = 9, .seed = 5, .model = DType::bf16, .threads = threads};
    return bounds_json(hold(subjects(), request), request);
  };
  CHECK(text(1) == text(3));
}

TEST_CASE("the bounds are not idle: the largest error before the output rounding is a good share of them") {
  std::vector<Subject> inexact = subjects();
  std::erase_if(inexact, [](const Subject& s) {
    const std::set<OpKind> kinds = {OpKind::linear,  OpKind::attn_scores, OpKind::attn_context, OpKind::rmsnorm,
                                    OpKind::softmax, OpKind::silu,        OpKind::rope_table,   OpKind::gelu_tanh};
    return !kinds.contains(s.kind);
  });
  const std::vector<Row> rows =
      hold(inexact, {.ops = 9 * 8, .seed = 4, .model = DType::bf16, .threads = default_threads()});
  using enum SumOrder;
  for (const OpKind kind : {OpKind::linear, OpKind::attn_scores, OpKind::attn_context}) {
    for (const auto declared : {std::optional<SumOrder>{}, std::optional{f32_chain}, std::optional{f32_tree}}) {
      INFO(op_kind_name(kind) << (declared ? sum_order_name(*declared) : "any"));
      CHECK(median_of(rows, kind, declared, Data::normal) >= 0.01);
      CHECK(median_of(rows, kind, declared, Data::positive) >= 0.05);
    }
    CHECK(median_of(rows, kind, tensor_core, Data::normal) >= 0.05);
    CHECK(median_of(rows, kind, tensor_core, Data::positive) >= 0.05);
  }
  for (const Data data : {Data::normal, Data::positive}) {
    CHECK(median_of(rows, OpKind::linear, bf16_parts, data) >= 0.05);
    CHECK(median_of(rows, OpKind::softmax, online, data) >= 0.05);
  }
  for (const OpKind kind : {OpKind::rmsnorm, OpKind::softmax, OpKind::silu, OpKind::gelu_tanh, OpKind::rope_table})
    for (const Data data : {Data::normal, Data::positive}) {
      INFO(op_kind_name(kind) << " " << data_name(data));
      CHECK(median_of(rows, kind, std::nullopt, data) >= 0.05);
    }
}

// Over 2,000 ops each median is 0.05 or more (README); over so few it wanders.
TEST_CASE("the bound of each softmax is not idle: also where exp is a cubic whose last bits are anyone's") {
  std::vector<Subject> softmax = subjects();
  std::erase_if(softmax, [](const Subject& s) { return s.kind != OpKind::softmax || s.declared; });
  REQUIRE(softmax.size() >= 4);
  for (const Subject& subject : softmax) {
    const std::vector<Row> rows =
        hold({subject}, {.ops = 9 * 60, .seed = 4, .model = DType::bf16, .threads = default_threads()});
    for (const Data data : {Data::normal, Data::positive}) {
      INFO(subject.contract << " " << data_name(data));
      CHECK(median_of(rows, OpKind::softmax, std::nullopt, data) >= 0.04);
    }
  }
}
