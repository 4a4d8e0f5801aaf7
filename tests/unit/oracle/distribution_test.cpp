// SPDX-License-Identifier: Apache-2.0
// What each statistic of a distribution sees alone: unequal bits that gather in one channel, head, token or tile where
// bounds and counts pass; sums cut towards zero, which lean; errors too large in f32, where every bit is noise.
#include "oracle/distribution.h"

#include <cmath>
#include <functional>

#include "oracle/judge.h"
#include "support/catch.h"
#include "trial/cases.h"

using namespace plumbline;
using namespace plumbline::trial;

namespace {

struct Stored {
  Case c;
  Evaluated oracle;
  std::vector<double> values;
};

/// A right implementation's results of a linear over [1, tokens, depth] with `channels` outputs.
Stored linear(int64_t tokens, int64_t depth, int64_t channels) {
  Generator g(11);
  Stored s;
  s.c.op = make_op(OpKind::linear, {});
  s.c.op.outputs[0].axes = {"batch", "token", "channel"};
  s.c.in.inputs.push_back(g.array(Data::normal, {1, tokens, depth}));
  s.c.in.parameters.push_back(g.array(Data::normal, {channels, depth}));
  s.oracle = evaluate(s.c.op, find_contract("linear/f32acc"), s.c.in, DType::bf16)[0];
  const std::vector<float> results = run(s.c, find_contract("linear/f32acc"), Order::lanes).at(0);
  for (const float value : results) s.values.push_back(round_to(DType::bf16, static_cast<double>(value)));
  return s;
}

/// The neighbour in bf16 of the right value, away from where the exact one lies: no bound is passed where that one lies
/// near the middle.
double other_way(const Evaluated& oracle, size_t i) {
  const double up = oracle.exact.values[i] > oracle.rounded[i] ? 1.0 : -1.0;
  return oracle.rounded[i] + up * ulp(DType::bf16, oracle.rounded[i]);
}

/// Elements whose bits either rounding is within the bound of, in order, of those that `wanted` names.
std::vector<size_t> flippable(const Evaluated& oracle, const std::function<bool(size_t)>& wanted) {
  std::vector<size_t> all;
  for (size_t i = 0; i < oracle.rounded.size(); ++i)
    if (oracle.spread[i] > 0.0 && wanted(i)) all.push_back(i);
  return all;
}

Judgement judged(const Stored& s) {
  return judge(s.oracle, Tensor::from_values(DType::bf16, s.oracle.exact.shape, s.values).view());
}

std::optional<Excess> excess_of(const Stored& s) {
  Distribution distribution;
  distribution.add(s.oracle, s.values);
  return distribution.excess();
}

}  // namespace

TEST_CASE("unequal bits that gather in one channel, token or tile are seen where bound and count pass") {
  const Stored right = linear(128, 512, 256);
  CHECK_FALSE(excess_of(right).has_value());
  struct Row {
    std::string slice;
    std::function<bool(size_t)> wanted;
  };
  const Row rows[] = {
      {"channel 77", [](size_t i) { return i % 256 == 77; }},
      {"token 40", [](size_t i) { return i / 256 == 40; }},
      {"token 32..47, channel 64..127", [](size_t i) { return i / 256 / 16 == 2 && i % 256 / 64 == 1; }},
  };
  for (const Row& row : rows) {
    INFO(row.slice);
    Stored wrong = right;
    std::vector<size_t> chosen = flippable(wrong.oracle, row.wanted);
    REQUIRE(chosen.size() >= 6);
    for (const size_t i : chosen) wrong.values[i] = other_way(wrong.oracle, i);
    const Judgement j = judged(wrong);
    CAPTURE(j.mismatches, j.expected_mismatches, j.allowed_mismatches, j.worst_ratio);
    CHECK(j.failed == Gate::none);
    const auto excess = excess_of(wrong);
    REQUIRE(excess.has_value());
    CHECK(excess->slice == row.slice);
    CHECK(excess->mismatches >= static_cast<int64_t>(chosen.size()));
    CHECK(excess->mismatches > excess->allowed);
  }
}

TEST_CASE("as many unequal bits in no particular place are no pattern, nor one row's that comes again and again") {
  const Stored right = linear(128, 512, 256);
  Stored scattered = right;
  const std::vector<size_t> all = flippable(right.oracle, [](size_t) { return true; });
  REQUIRE(all.size() > 400);
  for (size_t k = 0; k < 40; ++k) {
    const size_t i = all[k * all.size() / 40];
    scattered.values[i] = other_way(right.oracle, i);
  }
  CHECK_FALSE(excess_of(scattered).has_value());

  // The same token 128 times: what flips in one row flips in all, at the same channel.
  Stored repeated = right;
  std::vector<double>& x = repeated.c.in.inputs[0].values;
  for (size_t i = 512; i < x.size(); ++i) x[i] = x[i - 512];
  repeated.oracle = evaluate(repeated.c.op, find_contract("linear/f32acc"), repeated.c.in, DType::bf16)[0];
  repeated.values = repeated.oracle.rounded;
  const std::vector<size_t> first_row = flippable(repeated.oracle, [](size_t i) { return i < 256; });
  REQUIRE(first_row.size() >= 2);
  for (size_t token = 0; token < 128; ++token)
    repeated.values[token * 256 + first_row[0]] = other_way(repeated.oracle, first_row[0]);
  CHECK_FALSE(excess_of(repeated).has_value());
}

TEST_CASE("tokens that come one by one are the rows of one result") {
  const Stored whole = linear(64, 512, 256);
  Distribution steps;
  size_t flipped = 0;
  for (int64_t token = 0; token < 64; ++token) {
    Case c = whole.c;
    const auto* x = whole.c.in.inputs[0].values.data() + token * 512;
    c.in.inputs[0] = {{1, 1, 512}, {x, x + 512}};
    const Evaluated oracle = evaluate(c.op, find_contract("linear/f32acc"), c.in, DType::bf16)[0];
    std::vector<double> values = oracle.rounded;
    if (oracle.spread[9] > 0.0) {
      values[9] = other_way(oracle, 9);
      ++flipped;
    }
    steps.add(oracle, values);
  }
  REQUIRE(flipped >= 4);
  const auto excess = steps.excess();
  REQUIRE(excess.has_value());
  CHECK(excess->slice == "channel 9");
  CHECK(excess->first == 9);
}

// A sum of 16384 squares in 32 lanes of 512: an addition that cuts loses half a place, 0.75 u of the partial sum on
// average, all to one side: 0.75 * 256 = 192 u of the sum, where roundings to nearest wander by 0.4 u sqrt(16384) / 1.7
// = 30 u: the results of a row are off by six times what is expected, less than ten, but all to one side, where five
// times are the most that a drifting sum may make of it.
TEST_CASE("sums cut towards zero lean, where bound, count of unequal bits and size of errors pass") {
  constexpr int64_t kRows = 48, kWidth = 16384;
  Generator g(12, DType::f32);
  Case c;
  c.model = DType::f32;
  c.op = make_op(OpKind::rmsnorm, {{"eps", 1e-6}, {"heads", int64_t{0}}});
  c.in.inputs.push_back(g.array(Data::normal, {1, kRows, kWidth}));
  c.in.parameters.push_back({{kWidth}, std::vector<double>(kWidth, 1.0)});
  const Contract& contract = find_contract("rmsnorm/olmo");
  const Evaluated oracle = evaluate(c.op, contract, c.in, DType::f32)[0];
  const auto norm = [&](bool cuts) {
    std::vector<double> values;
    for (int64_t row = 0; row < kRows; ++row) {
      const double* x = c.in.inputs[0].values.data() + row * kWidth;
      float sum = 0.0f;
      float lanes[32] = {};
      const auto add = [cuts](float a, double b) {
        const double exact = static_cast<double>(a) + b;
        const auto nearest = static_cast<float>(exact);
        return cuts && static_cast<double>(nearest) > exact ? std::nextafter(nearest, 0.0f) : nearest;
      };
      for (int64_t k = 0; k < kWidth; ++k) lanes[k % 32] = add(lanes[k % 32], x[k] * x[k]);
      for (const float lane : lanes) sum = add(sum, static_cast<double>(lane));
      const float rstd = 1.0f / std::sqrt(sum / static_cast<float>(kWidth) + 1e-6f);
      for (int64_t k = 0; k < kWidth; ++k) values.push_back(static_cast<double>(static_cast<float>(x[k]) * rstd));
    }
    return values;
  };
  for (const bool cuts : {false, true}) {
    CAPTURE(cuts);
    const std::vector<double> values = norm(cuts);
    const Judgement j = judge(oracle, Tensor::from_values(DType::f32, oracle.exact.shape, values).view());
    CAPTURE(j.worst_ratio);
    CHECK(j.failed == Gate::none);
    Distribution distribution;
    distribution.add(oracle, values);
    const double bias = distribution.bias(systematic_share(contract));
    CAPTURE(bias);
    CHECK(distribution.loudness() < kLoud);
    if (cuts)
      CHECK(bias > kLeaning);  // a smaller sum makes larger results
    else
      CHECK(std::fabs(bias) < kLeaning);
    CHECK_FALSE(distribution.excess().has_value());
  }
}

// In f32 every bit is noise and the bound is a worst case: eps 1e-5 for 1e-6 moves results by 4.5e-6 of their size, 75
// units in the last place, and no gate sees it. Their size does.
TEST_CASE("an error of many times what rounding makes is loud in f32, where bound and bits say nothing") {
  Generator g(13, DType::f32);
  Case c;
  c.model = DType::f32;
  c.op = make_op(OpKind::rmsnorm, {{"eps", 1e-6}, {"heads", int64_t{0}}});
  c.op.outputs[0].dtype = DType::f32;
  c.in.inputs.push_back(g.array(Data::normal, {1, 16, 1024}));
  c.in.parameters.push_back(g.array(Data::normal, {1024}));
  const Contract& contract = find_contract("rmsnorm/llama");
  const Evaluated oracle = evaluate(c.op, contract, c.in, DType::f32)[0];
  for (const double eps : {1e-6, 1e-5}) {
    CAPTURE(eps);
    Case actual = c;
    actual.op.attributes["eps"] = eps;
    const std::vector<float> results = run(actual, contract, Order::lanes).at(0);
    const std::vector<double> values(results.begin(), results.end());
    CHECK(judge(oracle, Tensor::from_values(DType::f32, oracle.exact.shape, values).view()).failed == Gate::none);
    Distribution distribution;
    distribution.add(oracle, values);
    CAPTURE(distribution.loudness(), distribution.bias(systematic_share(contract)));
    CHECK((distribution.loudness() > kLoud) == (eps == 1e-5));
  }
}
