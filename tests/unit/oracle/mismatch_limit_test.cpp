// SPDX-License-Identifier: Apache-2.0
// How many bits may differ by honest rounding: elements that share an error turn together and are no defect, and the
// limit that knows it still tells a defect from them.
#include "oracle/mismatch_limit.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "oracle/judge.h"
#include "support/catch.h"
#include "trial/cases.h"

using namespace plumbline;
using namespace plumbline::trial;

namespace {

constexpr int64_t kWidth = 1024;

/// One row, a quarter of whose elements have one significand, so that their x / rms lie at the same place between two
/// numbers of bf16; `off`: how far a chain of f32 additions takes x / rms, relatively.
struct Row {
  std::vector<double> x;
  double significand = 1.0, mean = 0.0, off = 0.0;
};

Row row_with_one_significand(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Row row;
  row.significand = 1.0 + 0x1p-7 * static_cast<double>(random() % 128);
  double squares = 0.0;
  float chain = 0.0f;
  for (int64_t i = 0; i < kWidth; ++i) {
    row.x.push_back(i % 4 == 0 ? std::ldexp(row.significand, -static_cast<int>(random() % 3))
                               : round_to(DType::bf16, normal(random)));
    squares += row.x.back() * row.x.back();
    chain += static_cast<float>(row.x.back() * row.x.back());
  }
  row.mean = squares / static_cast<double>(kWidth);
  row.off = -0.5 * (static_cast<double>(chain) / squares - 1.0);
  return row;
}

/// Its norm with an eps that puts a tie on four fifths of that way: x / sqrt(mean + eps) = tie * (1 - 0.8 off).
Case with_a_tie_on_the_way(const Row& row) {
  const double n = row.significand / std::sqrt(row.mean), spacing = ulp(DType::bf16, n);
  const double tie = (std::floor(n / spacing) - 0.5) * spacing, wanted = tie * (1.0 - 0.8 * row.off);
  const double eps = std::pow(row.significand / wanted, 2) - row.mean;
  Case c;
  c.op = make_op(OpKind::rmsnorm, {{"eps", eps}, {"heads", int64_t{0}}});
  c.in.inputs.push_back({{1, 1, kWidth}, row.x});
  c.in.parameters.push_back({{kWidth}, std::vector<double>(kWidth, 1.0)});
  return c;
}

Judgement judged(const Case& c, const Case& actual, Order order) {
  const std::vector<Evaluated> oracle = evaluate(c.op, find_contract("rmsnorm/llama"), c.in, DType::bf16);
  const std::vector<float> values = run(actual, find_contract("rmsnorm/llama"), order).at(0);
  const std::vector<double> stored(values.begin(), values.end());
  return judge(oracle[0], Tensor::from_values(DType::bf16, oracle[0].exact.shape, stored).view());
}

}  // namespace

TEST_CASE("the Poisson limit is the smallest count that is never reached by chance") {
  // P(Poisson(m) > k) <= 1e-9 first at k; by hand for m = 1e-3: m^3/6 = 1.7e-10, m^2/2 = 5e-7.
  CHECK(poisson_limit(0.0) == 0);
  CHECK(poisson_limit(1e-12) == 0);
  CHECK(poisson_limit(1e-3) == 2);
  CHECK(poisson_limit(1.0) == 11);  // the sum of 1 / (e k!) is 8.3e-10 over k > 11, 1.0e-8 over k > 10
  CHECK(poisson_limit(499.0) < poisson_limit(501.0) + 20);
  CHECK(poisson_limit(1e6) == Approx(1e6 + 6500).epsilon(1e-4));
}

TEST_CASE("events of several elements count as often as they come, each with all of them") {
  std::vector<double> eights(9, 0.0);
  eights[8] = 1e-3;
  CHECK(compound_limit(eights) == 8 * poisson_limit(1e-3));
  eights[8] = 1.0;
  CHECK(compound_limit(eights) == 8 * poisson_limit(1.0));
  // Beside single ones: P(8 E + S > k), E and S Poisson, summed by hand.
  eights[1] = 2.0;
  const auto tail = [](int64_t k) {
    const auto poisson = [](double mean, int n) { return std::exp(n * std::log(mean) - mean - std::lgamma(n + 1.0)); };
    double above = 0.0;
    for (int e = 0; e < 60; ++e)
      for (int s = 0; s < 60; ++s) above += 8 * e + s > k ? poisson(1.0, e) * poisson(2.0, s) : 0.0;
    return above;
  };
  const int64_t limit = compound_limit(eights);
  CHECK(tail(limit) <= 1e-9);
  CHECK(tail(limit - 1) > 1e-9);
  // Past a few hundred by moments, which are no less.
  eights = {0.0, 0.0, 0.0, 0.0, 60.0};
  const int64_t exact = compound_limit(eights);
  eights[4] = 130.0;
  CHECK(compound_limit(eights) > exact + 4 * 70);
  CHECK(static_cast<double>(compound_limit(eights)) < 520 + 8 * std::sqrt(16 * 130.0) + 4 * 14);
}

TEST_CASE("rows that turn together are allowed whole, and not more than can turn") {
  const auto limit = [](double alone, int64_t rows, int64_t size, double of_row) {
    MismatchLaw law;
    law.add(alone);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t i = 0; i < size; ++i) law.add_shared(row, of_row / static_cast<double>(size));
    return law.limit();
  };
  CHECK(limit(0.1, 0, 0, 0.0) == poisson_limit(1.0));
  CHECK(limit(0.05, 5, 1, 0.01) == poisson_limit(1.0));  // one that could turn is alone
  CHECK(limit(0.1, 1, 36, 0.036) == poisson_limit(1.0) + 36);
  // A thousand such rows: events of 36, ten in all; independent ones would be 360.
  CHECK(limit(0.0, 1000, 36, 0.036) == 36 * poisson_limit(10.0));
}

TEST_CASE("a row that an order of its sum turns whole is no defect") {
  // An error of 12 units of 2^-24 is three times its expected size. A long chain makes it often: squares of bf16 values
  // are 0 or 1 modulo 4 in their last place, so that a sum which drops two bits loses more than it gains.
  int64_t turned = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const Row row = row_with_one_significand(seed);
    if (std::fabs(row.off) < 12.0 * kUnitF32) continue;
    const Case c = with_a_tie_on_the_way(row);
    const Judgement j = judged(c, c, Order::chain);
    CAPTURE(seed, row.off, j.mismatches, j.expected_mismatches, j.allowed_mismatches);
    CHECK(j.passed);
    if (j.mismatches < kWidth / 4) continue;
    ++turned;
    CHECK(j.mismatches > poisson_limit(10.0 * j.expected_mismatches));  // what elements one by one would be allowed
  }
  CHECK(turned > 5);
}

TEST_CASE("rows of ordinary data are allowed fewer than a detectable fault moves") {
  Generator g(7);
  for (const int64_t width : {64, 1024, 4096}) {
    Case c;
    c.op = make_op(OpKind::rmsnorm, {{"eps", 1e-6}, {"heads", int64_t{0}}});
    c.in.inputs.push_back(g.array(Data::normal, {1, 16, width}));
    c.in.parameters.push_back(g.array(Data::normal, {width}));
    const Judgement right = judged(c, c, Order::lanes);
    CAPTURE(width, right.expected_mismatches, right.allowed_mismatches);
    CHECK(right.passed);
    CHECK(right.allowed_mismatches < 16 * width / 100);
  }
}
