// SPDX-License-Identifier: Apache-2.0
// Figures over whole tensors: against plain long double sums, and the same bits for any number of threads.
#include <plumbline/compare.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "support/catch.h"

using namespace plumbline;

namespace {

struct Pair {
  Tensor expected, actual;
};

Pair random_pair(DType dtype, int64_t count, double noise, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> a(static_cast<size_t>(count)), b(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = normal(random) + 0.25;
    b[i] = a[i] + noise * normal(random);
  }
  return {Tensor::from_values(dtype, {count}, a), Tensor::from_values(dtype, {count}, b)};
}

struct Sums {
  long double error = 0, abs_error = 0, error2 = 0, a2 = 0, b2 = 0, ab = 0, a = 0, b = 0;
};

Sums plain_sums(const Pair& pair) {
  Sums s;
  for (int64_t i = 0; i < pair.expected.count(); ++i) {
    const long double a = pair.expected.view().at(i), b = pair.actual.view().at(i);
    s.error += b - a;
    s.abs_error += std::fabs(b - a);
    s.error2 += (b - a) * (b - a);
    s.a2 += a * a;
    s.b2 += b * b;
    s.ab += a * b;
    s.a += a;
    s.b += b;
  }
  return s;
}

}  // namespace

TEST_CASE("figures agree with plain long double sums") {
  for (const DType dtype : {DType::bf16, DType::f32, DType::f16, DType::f64}) {
    for (const int64_t count : {1, 3, 255, 256, 257, 65535, 65536, 65537, 300000}) {
      const Pair pair = random_pair(dtype, count, 0.01, static_cast<uint64_t>(count));
      const Metrics m = compare(pair.expected.view(), pair.actual.view());
      const Sums s = plain_sums(pair);
      const auto n = static_cast<long double>(count);
      CAPTURE(std::string(dtype_name(dtype)), count);
      CHECK(m.count == count);
      CHECK(m.mean_error == Approx(static_cast<double>(s.error / n)).margin(1e-17));
      CHECK(m.mean_abs_error == Approx(static_cast<double>(s.abs_error / n)).epsilon(1e-14));
      CHECK(m.norm_expected == Approx(static_cast<double>(std::sqrt(s.a2))).epsilon(1e-14));
      CHECK(m.relative_l2 == Approx(static_cast<double>(std::sqrt(s.error2 / s.a2))).epsilon(1e-13));
      CHECK(m.nmse == Approx(static_cast<double>(s.error2 / s.a2)).epsilon(1e-13));
      const long double cosine = s.ab / std::sqrt(s.a2 * s.b2);
      CHECK(m.one_minus_cosine == Approx(static_cast<double>(1 - cosine)).margin(1e-15));
      const long double va = s.a2 - s.a * s.a / n, vb = s.b2 - s.b * s.b / n, cov = s.ab - s.a * s.b / n;
      if (count > 2)
        CHECK(m.one_minus_correlation == Approx(static_cast<double>(1 - cov / std::sqrt(va * vb))).margin(1e-13));
    }
  }
}

TEST_CASE("any number of threads gives the same bits") {
  Pair pair = random_pair(DType::f32, 1000003, 1e-3, 7);
  const float special[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()};
  std::memcpy(pair.actual.mutable_data() + 4 * 777777, special, sizeof special);
  const Metrics one = compare(pair.expected.view(), pair.actual.view(), {.threads = 1, .ulp_floor = 0.0});
  CHECK(one.first_mask_breach == 777777);
  CHECK(one.finite_pairs == 1000001);
  for (const int threads : {2, 7}) {
    const Metrics many = compare(pair.expected.view(), pair.actual.view(), {.threads = threads, .ulp_floor = 0.0});
    CHECK(std::memcmp(&one.mean_error, &many.mean_error, sizeof(double)) == 0);
    CHECK(one.rms_error == many.rms_error);
    CHECK(one.mean_abs_error == many.mean_abs_error);
    CHECK(one.one_minus_cosine == many.one_minus_cosine);
    CHECK(one.one_minus_correlation == many.one_minus_correlation);
    CHECK(one.norm_actual == many.norm_actual);
    CHECK(one.max_abs == many.max_abs);
    CHECK(one.max_abs_index == many.max_abs_index);
    CHECK(one.ulps == many.ulps);
    CHECK(one.mismatches == many.mismatches);
  }
}

TEST_CASE("of equal largest differences the lowest index is named") {
  std::vector<double> a(200000, 1.0), b = a;
  b[150000] = b[70000] = b[199999] = 3.0;
  const Tensor expected = Tensor::from_values(DType::bf16, {200000}, a),
               actual = Tensor::from_values(DType::bf16, {200000}, b);
  const Metrics m = compare(expected.view(), actual.view());
  CHECK(m.max_abs == 2.0);
  CHECK(m.max_abs_index == 70000);
  CHECK(m.first_mismatch == 70000);
  CHECK(m.expected_there == 1.0);
  CHECK(m.actual_there == 3.0);
  CHECK(m.mismatches == 3);
}

TEST_CASE("a cosine never leaves its range and sees what a product of norms cannot") {
  const Tensor zero = Tensor::from_values(DType::f32, {2}, std::vector<double>{0, 0});
  const Tensor x = Tensor::from_values(DType::f32, {2}, std::vector<double>{3, 4});
  const Tensor minus = Tensor::from_values(DType::f32, {2}, std::vector<double>{-3, -4});
  const Tensor twice = Tensor::from_values(DType::f32, {2}, std::vector<double>{6, 8});
  CHECK(compare(zero.view(), zero.view()).one_minus_cosine == 0.0);
  CHECK(compare(zero.view(), x.view()).one_minus_cosine == 1.0);
  CHECK(compare(zero.view(), x.view()).relative_l2 == std::numeric_limits<double>::infinity());
  CHECK(compare(x.view(), minus.view()).one_minus_cosine == 2.0);
  CHECK(compare(x.view(), twice.view()).one_minus_cosine == 0.0);
  CHECK(compare(x.view(), twice.view()).relative_l2 == 1.0);
  // One part in 2^24 perpendicular: 1 - cos = 2^-49 would be lost in 1 - <a,b>/(|a||b|) at f32 and nearly so at f64.
  const Tensor a = Tensor::from_values(DType::f64, {2}, std::vector<double>{1, 0});
  const Tensor b = Tensor::from_values(DType::f64, {2}, std::vector<double>{1, 0x1p-24});
  CHECK(compare(a.view(), b.view()).one_minus_cosine == Approx(0x1p-49).epsilon(1e-6));
}
