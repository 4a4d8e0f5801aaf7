// SPDX-License-Identifier: Apache-2.0
#include "trial/trial.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "core/random.h"
#include "oracle/distribution.h"
#include "oracle/judge.h"

namespace plumbline::trial {
namespace {

std::vector<Order> all_orders() { return {std::begin(kOrders), std::end(kOrders)}; }

std::vector<Order> orders_of(SumOrder declared) {
  switch (declared) {
    case SumOrder::f32_chain: return {Order::chain, Order::fused_chain};
    case SumOrder::f32_tree: return {Order::lanes};
    case SumOrder::tensor_core: return {Order::tensor_core};
    case SumOrder::bf16_parts: return {Order::bf16_parts};
    case SumOrder::online: return {Order::online};
  }
  return all_orders();
}

/// Error of the bound before the output rounding: `bound` holds half a unit in the last place besides.
double inner_bound(const Evaluated& oracle, size_t i) {
  const double size = std::fabs(oracle.exact.values[i]);
  const double half = 0.5 * ulp(oracle.dtype, size), error = oracle.bound[i] - half;
  const double half_there = 0.5 * ulp(oracle.dtype, size + error);
  return half_there == half ? error : oracle.bound[i] - half_there;
}

/// Largest share of the bound before the output rounding that the f32 results use up.
double share_used(const Evaluated& oracle, const std::vector<float>& values) {
  double share = 0.0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double exact = oracle.exact.values[i], value = static_cast<double>(values[i]);
    if (!std::isfinite(exact) || !std::isfinite(value) || !std::isfinite(oracle.bound[i]) || oracle.escapes[i] != 0)
      continue;
    const double error = std::fabs(value - exact), most = inner_bound(oracle, i);
    const bool lost = most < 0x1p-30 * oracle.bound[i];  // in the output's rounding, where f64 cannot tell it apart
    if (error > 0.0 && !lost) share = std::max(share, error / most);
  }
  return share;
}

Tensor stored(const Evaluated& oracle, const std::vector<float>& values) {
  return Tensor::from_values(oracle.dtype, oracle.exact.shape, std::vector<double>(values.begin(), values.end()));
}

/// The laws of chance count on roundings of either sign; in one-way data all have the same one.
bool accuses(Gate gate, Data data) {
  if (data == Data::one_way && (gate == Gate::mismatch || gate == Gate::size || gate == Gate::bias)) return false;
  return gate != Gate::none;
}

ChanceJudgement count_alarms(const Evaluated& oracle, const Contract& contract, const Tensor& tensor, Alarms& alarms) {
  Distribution distribution;
  distribution.add(oracle, to_values(tensor.view()));
  const ChanceJudgement chance = judge_chance(distribution, contract);
  const double bias = std::fabs(chance.bias);
  ++alarms.results;
  if (chance.excess) ++alarms.gathered;
  if (chance.loudness > kLoud) ++alarms.loud;
  if (bias > kLeaning) ++alarms.leaning;
  if (chance.loudness > alarms.loudest) alarms.loudest = chance.loudness;
  alarms.most_leaning = std::max(alarms.most_leaning, bias);
  return chance;
}

std::string words(const Judgement& j) {
  return "ratio " + std::to_string(j.worst_ratio) + " at " + std::to_string(j.worst_index) + ", mismatches " +
         std::to_string(j.mismatches) + " of " + std::to_string(j.count) + ", allowed " +
         std::to_string(j.allowed_mismatches) + ", masks " + std::to_string(j.mask_breaches);
}

std::string words(const ChanceJudgement& chance) {
  if (chance.failed == Gate::size) return std::to_string(chance.loudness) + " times as large as rounding makes them";
  if (chance.failed == Gate::bias) return "leaning by " + std::to_string(chance.bias) + " standard deviations";
  const Excess& excess = *chance.excess;
  return excess.slice + ": " + std::to_string(excess.mismatches) + " unequal bits, allowed " +
         std::to_string(excess.allowed) + ", expected " + std::to_string(excess.expected);
}

/// Judges what one order gave; returns the share of the bound that it used up.
double judge_order(const Case& c, const std::vector<Evaluated>& oracle, Order order, Row& row) {
  const std::vector<std::vector<float>> results = run(c, find_contract(row.subject.contract), order);
  double share = 0.0;
  for (size_t r = 0; r < results.size(); ++r) {
    const Tensor tensor = stored(oracle[r], results[r]);
    const Judgement j = judge(oracle[r], tensor.view());
    const ChanceJudgement chance = count_alarms(oracle[r], find_contract(row.subject.contract), tensor, row.alarms);
    row.elements += j.count;
    row.unequal += j.mismatches;
    row.expected += j.expected_mismatches;
    // A norm that rounds before its weight is exact after it, whichever way it rounded: n32 is what has an error.
    const bool measured = !oracle[r].bitwise && !(r == 0 && row.subject.contract == "rmsnorm/llama");
    if (measured) share = std::max(share, share_used(oracle[r], results[r]));
    const Gate failed = j.failed != Gate::none ? j.failed : chance.failed;
    if (!accuses(failed, row.data) || row.accused++ > 0) continue;
    row.accuser = failed;
    row.accusation = oracle[r].spec->path + " " + to_string(oracle[r].exact.shape) + ", order " +
                     std::to_string(static_cast<int>(order)) + ": gate " + std::string(gate_name(failed)) + ", " +
                     (j.failed != Gate::none ? words(j) : words(chance));
  }
  return share;
}

std::vector<Evaluated> evaluated(const Case& c, const Subject& subject) {
  EvaluateOptions options;
  options.inner = true;
  const Contract& contract = find_contract(subject.contract);
  if (!subject.declared) return evaluate(c.op, contract, c.in, c.model, options);
  DeclaredOrder order{*subject.declared, c.parts};
  if (order.order == SumOrder::bf16_parts) order.within = SumOrder::tensor_core;
  return evaluate_in_order(c.op, contract, c.in, c.model, order, options);
}

void hold_case(Case c, Row& row) {
  // What is rounded to bf16 in parts has its errors before that, as a norm has them in n32.
  if (row.subject.declared == SumOrder::bf16_parts) c.op.outputs.push_back({"x.parts", DType::f32, {}, true});
  const std::vector<Evaluated> oracle = evaluated(c, row.subject);
  double share = 0.0;
  for (const Order order : row.subject.orders) share = std::max(share, judge_order(c, oracle, order, row));
  row.exact = row.exact || oracle[0].bitwise;
  row.worst = std::max(row.worst, share);
  row.shares.push_back(share);
  ++row.ops;
}

/// f16 holds neither 2^60 nor 2^-120, and a chain of tiny terms would vanish in it.
bool holds(DType model, Data data) {
  const bool narrow = data == Data::wide || data == Data::extreme || data == Data::subnormal || data == Data::one_way;
  return model != DType::f16 || !narrow;
}

/// Tensor cores take bf16 operands.
bool possible(const Subject& subject, DType model) {
  return model == DType::bf16 ||
         (subject.declared != SumOrder::tensor_core && subject.declared != SumOrder::bf16_parts);
}

std::vector<Row> empty_rows(const std::vector<Subject>& subjects, const Request& request) {
  std::vector<Row> rows;
  for (const Subject& subject : subjects) {
    if (!possible(subject, request.model)) continue;
    for (const Data data : kData) {
      if (!holds(request.model, data)) continue;
      rows.emplace_back();
      rows.back().subject = subject;
      rows.back().data = data;
    }
  }
  return rows;
}

uint64_t seed_of(const Row& row, uint64_t seed) {
  const uint64_t name = fnv1a(op_kind_name(row.subject.kind), fnv1a(row.subject.contract));
  return SplitMix64(seed + name + 1000 * static_cast<uint64_t>(row.data)).next();
}

}  // namespace

std::vector<Subject> subjects() {
  std::vector<Subject> all;
  for (const Contract& contract : all_contracts())
    for (const OpKind kind : contract.kinds) all.push_back({kind, contract.name, std::nullopt, all_orders()});
  const auto declare = [&](OpKind kind, std::string_view contract, std::initializer_list<SumOrder> orders) {
    for (const SumOrder order : orders) all.push_back({kind, contract, order, orders_of(order)});
  };
  using enum SumOrder;
  declare(OpKind::linear, "linear/f32acc", {f32_chain, f32_tree, tensor_core, bf16_parts});
  declare(OpKind::attn_scores, "attention/eager", {f32_chain, f32_tree, tensor_core});
  declare(OpKind::attn_context, "attention/eager", {f32_chain, f32_tree, tensor_core});
  declare(OpKind::softmax, "attention/eager", {online});
  declare(OpKind::rmsnorm, "rmsnorm/f32", {f32_chain, f32_tree});
  return all;
}

std::vector<Row> hold(const std::vector<Subject>& subjects, const Request& request) {
  std::vector<Row> rows = empty_rows(subjects, request);
  const int64_t classes = static_cast<int64_t>(
      std::count_if(std::begin(kData), std::end(kData), [&](Data data) { return holds(request.model, data); }));
  parallel_for(static_cast<int64_t>(rows.size()), request.threads, [&](int64_t i) {
    Row& row = rows[static_cast<size_t>(i)];
    Generator generator(seed_of(row, request.seed), request.model);
    const int64_t ops = (request.ops + classes - 1) / classes;
    for (int64_t k = 0; k < ops; ++k) hold_case(random_case(row.subject.kind, row.data, generator), row);
    std::sort(row.shares.begin(), row.shares.end());
  });
  return rows;
}

}  // namespace plumbline::trial
