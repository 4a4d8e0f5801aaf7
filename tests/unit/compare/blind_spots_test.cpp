// SPDX-License-Identifier: Apache-2.0
// Differences that comparers in use do not see, each by one of the figures here: statistics blind to order and sign,
// relative limits blind to tiny values and to a zero reference, cosines blind to scale, shapes that broadcast.
#include <plumbline/compare.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <plumbline/error.h>

#include "support/catch.h"

using namespace plumbline;

namespace {

Metrics of(const std::vector<double>& expected, const std::vector<double>& actual, DType dtype = DType::f32) {
  const Shape shape{static_cast<int64_t>(expected.size())};
  return compare(Tensor::from_values(dtype, shape, expected).view(), Tensor::from_values(dtype, shape, actual).view());
}

}  // namespace

TEST_CASE("the same numbers in another order differ, though mean, norm, extremes and sum of magnitudes agree") {
  const std::vector<double> heads = {1, -2, 3, 5, -8, 13}, exchanged = {5, -8, 13, 1, -2, 3};
  const Metrics m = of(heads, exchanged);
  CHECK(m.mean_error == 0.0);
  CHECK(m.norm_expected == m.norm_actual);
  CHECK(m.mismatches == 6);
  CHECK(m.relative_l2 > 0.5);
}

TEST_CASE("opposite signs differ, though every magnitude agrees") {
  const Metrics m = of({0.5, 0.25, -3.0}, {-0.5, -0.25, 3.0});
  CHECK(m.norm_expected == m.norm_actual);
  CHECK(m.mismatches == 3);
  CHECK(m.relative_l2 == 2.0);
}

TEST_CASE("a scaled tensor differs, though its cosine and its correlation are perfect") {
  const Metrics m = of({1, 2, -4}, {1.0625, 2.125, -4.25});
  CHECK(m.one_minus_cosine == 0.0);
  CHECK(m.one_minus_correlation == Approx(0.0).margin(1e-15));
  CHECK(m.relative_l2 == 0.0625);
}

TEST_CASE("tiny values that differ by their own size differ, and no absolute limit hides it") {
  const Metrics m = of({1e-30, 2e-30}, {3e-30, 2e-30});
  CHECK(m.mismatches == 1);
  CHECK(m.relative_l2 == Approx(2.0 / std::sqrt(5.0)));
  CHECK(m.ulps[kUlpBuckets - 1] == 1);
}

TEST_CASE("nothing expected and something there is no small relative error, and zeros on both sides are equal") {
  const Metrics from_nothing = of({0, 0, 0}, {0, 1e-20, 0});
  CHECK(from_nothing.mismatches == 1);
  CHECK(std::isinf(from_nothing.relative_l2));
  const Metrics to_nothing = of({1, 2, 3}, {0, 0, 0});
  CHECK(to_nothing.relative_l2 == 1.0);
  CHECK(to_nothing.one_minus_cosine == 1.0);
  const Metrics zeros = of({0, 0, 0}, {0, 0, 0});
  CHECK(zeros.bitwise_equal);
  for (const double figure : {zeros.relative_l2, zeros.nmse, zeros.one_minus_cosine, zeros.one_minus_correlation,
                              zeros.max_abs, zeros.mean_error, zeros.rms_error})
    CHECK(figure == 0.0);
}

TEST_CASE("NaN and infinity count as different from anything else, also where both tensors' masks agree") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(of({inf, 1}, {-inf, 1}).mismatches == 1);
  CHECK_FALSE(of({inf, 1}, {-inf, 1}).masks_agree());
  CHECK(of({nan, 1}, {inf, 1}).mismatches == 1);
  CHECK(of({nan, nan}, {nan, nan}).mismatches == 0);
  CHECK(of({nan, nan}, {nan, nan}).finite_pairs == 0);  // equal, and nothing was compared
}

TEST_CASE("shapes that would broadcast, or hold as many elements, do not meet") {
  const std::pair<Shape, Shape> rows[] = {{{3}, {1, 3}}, {{1}, {3}}, {{2, 1}, {2, 3}},
                                          {{2, 3}, {6}}, {{}, {1}},  {{0}, {3}}};
  for (const auto& [left, right] : rows) {
    INFO(to_string(left) << " " << to_string(right));
    const Tensor a(DType::f32, left), b(DType::f32, right);
    CHECK_THROWS_AS(compare(a.view(), b.view()), ShapeError);
    CHECK_THROWS_AS(compare(b.view(), a.view()), ShapeError);
  }
}

TEST_CASE("one bad row of many is counted as it is, however small its part of the whole") {
  std::vector<double> rows(128 * 64, 1.0), spoilt = rows;
  std::fill_n(spoilt.begin() + 77 * 64, 64, 0.0);
  const Metrics m = of(rows, spoilt, DType::bf16);
  CHECK(m.one_minus_cosine < 0.01);
  CHECK(m.mismatches == 64);
  CHECK(m.first_mismatch == 77 * 64);
}
