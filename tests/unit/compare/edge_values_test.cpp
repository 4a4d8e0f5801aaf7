// SPDX-License-Identifier: Apache-2.0
// The catalogue of edge values: each pair lands in the count that it belongs to, in every floating format.
#include <plumbline/compare.h>

#include <cstring>
#include <limits>
#include <vector>

#include <plumbline/error.h>

#include "support/catch.h"

using namespace plumbline;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

Metrics of_pair(DType dtype, double expected, double actual) {
  const Tensor a = Tensor::from_values(dtype, {1}, std::vector<double>{expected});
  const Tensor b = Tensor::from_values(dtype, {1}, std::vector<double>{actual});
  return compare(a.view(), b.view());
}

}  // namespace

TEST_CASE("each pair of edge values is counted once, where it belongs") {
  const double max = max_finite(DType::bf16), tiny = ulp(DType::bf16, 0.0);
  struct Row {
    const char* name;
    double expected, actual;
    int64_t mismatches, signed_zeros, finite;
    int64_t Metrics::*mask;
    size_t bucket;  // of ulps, for finite pairs
  };
  const Row rows[] = {
      {"zeros", 0.0, 0.0, 0, 0, 1, nullptr, 0},
      {"zeros of opposite sign", 0.0, -0.0, 0, 1, 1, nullptr, 0},
      {"equal", 1.5, 1.5, 0, 0, 1, nullptr, 0},
      {"adjacent above 1", 1.0, 1.0 + 0x1p-7, 1, 0, 1, nullptr, 1},
      // Below a power of two the spacing is half as wide; ulps are those at expected.
      {"adjacent below 1", 1.0, 1.0 - 0x1p-8, 1, 0, 1, nullptr, 1},
      {"four ulps", 1.0, 1.0 + 0x1p-5, 1, 0, 1, nullptr, 3},
      {"five ulps", 1.0, 1.0 + 0x5p-7, 1, 0, 1, nullptr, 4},
      {"smallest subnormal against 0", 0.0, tiny, 1, 0, 1, nullptr, 1},
      {"subnormals of opposite sign", -tiny, tiny, 1, 0, 1, nullptr, 2},
      {"largest, opposite signs", max, -max, 1, 0, 1, nullptr, 10},
      {"NaN on both sides", kNan, -kNan, 0, 0, 0, &Metrics::nan_both, 0},
      {"NaN expected", kNan, 1.0, 1, 0, 0, &Metrics::nan_only_expected, 0},
      {"NaN against infinity", kNan, kInf, 1, 0, 0, &Metrics::nan_only_expected, 0},
      {"NaN actual", kInf, kNan, 1, 0, 0, &Metrics::nan_only_actual, 0},
      {"infinity on both sides", -kInf, -kInf, 0, 0, 0, &Metrics::inf_both, 0},
      {"infinities of opposite sign", kInf, -kInf, 1, 0, 0, &Metrics::inf_opposite, 0},
      {"infinity expected", kInf, max, 1, 0, 0, &Metrics::inf_only_expected, 0},
      {"infinity actual", max, kInf, 1, 0, 0, &Metrics::inf_only_actual, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Metrics m = of_pair(DType::bf16, row.expected, row.actual);
    CHECK(m.mismatches == row.mismatches);
    CHECK(m.signed_zeros == row.signed_zeros);
    CHECK(m.finite_pairs == row.finite);
    const int64_t masked = m.nan_only_expected + m.nan_only_actual + m.nan_both + m.inf_only_expected +
                           m.inf_only_actual + m.inf_both + m.inf_opposite;
    CHECK(masked == 1 - row.finite);
    if (row.mask != nullptr) CHECK(m.*row.mask == 1);
    if (row.finite == 1) CHECK(m.ulps[row.bucket] == 1);
    CHECK(m.masks_agree() == (row.finite == 1 || row.mismatches == 0));
    CHECK(m.first_mismatch == (row.mismatches ? 0 : -1));
  }
}

TEST_CASE("comparing nothing is never equality") {
  for (const Shape& shape : {Shape{0}, Shape{1, 0, 128}}) {
    const Tensor empty(DType::bf16, shape);
    const Metrics m = compare(empty.view(), empty.view());
    CHECK(m.count == 0);
    CHECK_FALSE(m.bitwise_equal);
    CHECK(m.mismatch_fraction() == 0.0);
  }
}

TEST_CASE("tensors of different shapes do not meet") {
  const Tensor a(DType::f32, {2, 3}), b(DType::f32, {3, 2});
  CHECK_THROWS_AS(compare(a.view(), b.view()), ShapeError);
}

TEST_CASE("bytes decide bitwise equality, values decide mismatches") {
  const std::vector<double> values = {1.0, -2.0, 0.5};
  const Tensor half = Tensor::from_values(DType::bf16, {3}, values),
               single = Tensor::from_values(DType::f32, {3}, values);
  CHECK(compare(half.view(), half.view()).bitwise_equal);
  const Metrics across = compare(half.view(), single.view());
  CHECK_FALSE(across.bitwise_equal);
  CHECK(across.mismatches == 0);
}

TEST_CASE("integers that widen to the same double still differ") {
  Tensor a(DType::i64, {1}), b(DType::i64, {1});
  const int64_t big = int64_t{1} << 53, next = big + 1;
  std::memcpy(a.mutable_data(), &big, sizeof big);
  std::memcpy(b.mutable_data(), &next, sizeof next);
  const Metrics m = compare(a.view(), b.view());
  CHECK(m.mismatches == 1);
  CHECK(m.ulps[0] == 0);
}

TEST_CASE("ulps near zero are those at the floor") {
  const Tensor expected = Tensor::from_values(DType::bf16, {1}, std::vector<double>{0x1p-60});
  const Tensor actual = Tensor::from_values(DType::bf16, {1}, std::vector<double>{0x1p-10});
  // One ulp at 2^-3 is 2^-10.
  CHECK(compare(expected.view(), actual.view(), {.threads = 1, .ulp_floor = 0x1p-3}).ulps[1] == 1);
  CHECK(compare(expected.view(), actual.view()).ulps[kUlpBuckets - 1] == 1);
}
