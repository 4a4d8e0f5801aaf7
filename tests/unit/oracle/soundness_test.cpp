// SPDX-License-Identifier: Apache-2.0
// No right implementation is ever accused: several hundred random ops of each kind, over kind and unkind data, each
// computed in f32 in six legal orders, stay within the oracle's bounds and pass the mismatch law. And the bounds are
// tight enough to mean something: the largest error is a good share of them.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cases.h"
#include "oracle/judge.h"
#include "support/catch.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

Tensor stored(const Evaluated& oracle, const std::vector<float>& values) {
  const std::vector<double> widened(values.begin(), values.end());
  return Tensor::from_values(oracle.dtype, oracle.exact.shape, widened);
}

/// Largest share of the bound before the output rounding that the f32 results use up.
double share_used(const Evaluated& oracle, const std::vector<float>& values) {
  double share = 0.0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double spacing = ulp(oracle.dtype, std::fabs(oracle.exact.values[i]));
    const double error = std::fabs(static_cast<double>(values[i]) - oracle.exact.values[i]);
    if (oracle.sigma[i] > 0.0) share = std::max(share, error / (oracle.bound[i] - 0.5 * spacing));
  }
  return share;
}

struct Tally {
  std::vector<double> shares;
  int64_t cases = 0, elements = 0, mismatches = 0;
  double expected = 0.0, worst = 0.0;

  double median_share() {
    std::nth_element(shares.begin(), shares.begin() + static_cast<int64_t>(shares.size() / 2), shares.end());
    return shares[shares.size() / 2];
  }
};

void judge_orders(const Case& c, const Contract& contract, Tally& tally) {
  const std::vector<Evaluated> oracle = evaluate(c.op, contract, c.in, c.model);
  double share = 0.0;
  for (const Order order : kOrders) {
    const std::vector<std::vector<float>> results = run(c, contract, order);
    for (size_t r = 0; r < results.size(); ++r) {
      const Judgement j = judge(oracle[r], stored(oracle[r], results[r]).view());
      INFO(contract.name << " " << op_kind_name(c.op.kind) << " " << to_string(c.in.inputs[0].shape) << ", order "
                         << static_cast<int>(order) << ": gate " << gate_name(j.failed) << ", ratio " << j.worst_ratio
                         << " at " << j.worst_index << ", mismatches " << j.mismatches << " of " << j.count
                         << ", expected " << j.expected_mismatches << ", allowed " << j.allowed_mismatches << ", masks "
                         << j.mask_breaches);
      if (!j.passed) FAIL("a right implementation was accused");
      tally.elements += j.count;
      tally.mismatches += j.mismatches;
      tally.expected += j.expected_mismatches;
      tally.worst = std::max(tally.worst, j.worst_ratio);
      share = std::max(share, share_used(oracle[r], results[r]));
    }
  }
  tally.shares.push_back(share);
  ++tally.cases;
}

Tally trial(OpKind kind, std::string_view contract, int rounds, DType model = DType::bf16) {
  Tally tally;
  const uint64_t seed = 1000 + static_cast<uint64_t>(kind);
  Generator generator(seed, model);
  for (int round = 0; round < rounds; ++round) {
    for (const Data data : kData) {
      if (model == DType::f16 && data == Data::wide) continue;  // past its range
      judge_orders(random_case(kind, data, generator), find_contract(contract), tally);
    }
  }
  std::printf(
      "%-20s %-12s %-4s seed %d: %lld cases x 6 orders, %lld elements, worst |e|/bound %.3f, mismatches %lld (expected "
      "%.1f)",
      std::string(contract).c_str(), std::string(op_kind_name(kind)).c_str(), std::string(dtype_name(model)).c_str(),
      static_cast<int>(seed), static_cast<long long>(tally.cases), static_cast<long long>(tally.elements), tally.worst,
      static_cast<long long>(tally.mismatches), tally.expected);
  std::printf(", median share of the bound before rounding %.4f\n", tally.median_share());
  return tally;
}

}  // namespace

TEST_CASE("linear: every legal order stays within the bound, and the bound is not idle") {
  Tally tally = trial(OpKind::linear, "linear/f32acc", 60);
  CHECK(tally.median_share() >= 0.01);
  CHECK(tally.mismatches > 0);
  CHECK(trial(OpKind::linear, "linear/f32out", 30).median_share() >= 0.01);
  // bf16 operands lose nothing in TF32.
  CHECK(trial(OpKind::linear, "linear/tf32", 10).elements > 0);
}

TEST_CASE("norms: every order, function error and rounding contract stays within its bound") {
  for (const std::string_view contract : {"rmsnorm/llama", "rmsnorm/olmo", "rmsnorm/f32"}) {
    Tally tally = trial(OpKind::rmsnorm, contract, 60);
    // Under llama the product with the weight is exact: what is uncertain is which way n was rounded.
    if (contract != "rmsnorm/llama") CHECK(tally.median_share() >= 0.01);
  }
}

TEST_CASE("attention: scores, softmax and context stay within their bounds") {
  CHECK(trial(OpKind::attn_scores, "attention/eager", 40).median_share() >= 0.01);
  CHECK(trial(OpKind::attn_context, "attention/eager", 40).median_share() >= 0.01);
  CHECK(trial(OpKind::softmax, "attention/eager", 60).median_share() >= 0.01);
}

TEST_CASE("rotary tables and f32 rotations stay within their bounds") {
  CHECK(trial(OpKind::rope_table, "rope-table/f32", 60).median_share() >= 0.01);
  CHECK(trial(OpKind::rope, "rope/neox-f32", 60).median_share() >= 0.1);
  CHECK(trial(OpKind::rope, "rope/interleaved-f32", 60).median_share() >= 0.1);
  CHECK(trial(OpKind::silu, "silu/f32", 60).median_share() >= 0.05);
}

TEST_CASE("ops with one right result are met bit for bit") {
  CHECK(trial(OpKind::rope, "rope/neox-t", 60).mismatches == 0);
  CHECK(trial(OpKind::add, "add/rounded", 60).mismatches == 0);
  CHECK(trial(OpKind::multiply, "multiply/rounded", 60).mismatches == 0);
  CHECK(trial(OpKind::scale, "attention/eager", 60).mismatches == 0);
  CHECK(trial(OpKind::causal_mask, "attention/eager", 60).mismatches == 0);
}

TEST_CASE("models in f32 and f16 are bounded as well") {
  const std::pair<OpKind, std::string_view> ops[] = {{OpKind::linear, "linear/f32acc"},
                                                     {OpKind::rmsnorm, "rmsnorm/llama"},
                                                     {OpKind::rmsnorm, "rmsnorm/olmo"},
                                                     {OpKind::rope, "rope/neox-t"},
                                                     {OpKind::rope, "rope/neox-f32"},
                                                     {OpKind::softmax, "attention/eager"},
                                                     {OpKind::attn_scores, "attention/eager"},
                                                     {OpKind::attn_context, "attention/eager"},
                                                     {OpKind::scale, "attention/eager"},
                                                     {OpKind::causal_mask, "attention/eager"},
                                                     {OpKind::add, "add/rounded"},
                                                     {OpKind::multiply, "multiply/rounded"},
                                                     {OpKind::silu, "silu/f32"},
                                                     {OpKind::rope_table, "rope-table/f32"}};
  for (const DType model : {DType::f32, DType::f16})
    for (const auto& [kind, contract] : ops) CHECK(trial(kind, contract, 12, model).elements > 0);
}
