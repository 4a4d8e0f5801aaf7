// SPDX-License-Identifier: Apache-2.0
// Statistics from counted patterns against the plain computation: decode every element, sort, add up in f64.
#include "model/weight_statistics.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <plumbline/error.h>

#include "core/random.h"
#include "support/catch.h"
#include "support/error_text.h"

namespace plumbline::test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

WeightStatistics measured(TensorMeter& meter, const TensorView& view, size_t piece_bytes) {
  meter.start(view.dtype);
  const std::span<const std::byte> bytes = view.bytes();
  for (size_t begin = 0; begin < bytes.size(); begin += piece_bytes)
    meter.add(bytes.subspan(begin, std::min(piece_bytes, bytes.size() - begin)));
  return meter.finish();
}

WeightStatistics measured(const Tensor& tensor, size_t piece_bytes = kPieceBytes) {
  TensorMeter meter;
  return measured(meter, tensor.view(), piece_bytes);
}

struct Plain {
  int64_t nans = 0, infinities = 0, zeros = 0;
  double least = kNaN, largest = kNaN, median = kNaN, median_magnitude = kNaN, mean = 0.0, deviation = kNaN,
         kurtosis = kNaN;
};

Plain plain(const std::vector<double>& values) {
  Plain result;
  std::vector<double> finite, magnitudes;
  for (const double value : values) {
    if (std::isnan(value)) ++result.nans;
    if (std::isinf(value)) ++result.infinities;
    if (value == 0.0) ++result.zeros;
    if (!std::isfinite(value)) continue;
    finite.push_back(value);
    magnitudes.push_back(std::abs(value));
  }
  if (finite.empty()) return result;
  std::sort(finite.begin(), finite.end());
  std::sort(magnitudes.begin(), magnitudes.end());
  const auto n = static_cast<double>(finite.size());
  result.least = finite.front();
  result.largest = finite.back();
  result.median = finite[(finite.size() - 1) / 2];
  result.median_magnitude = magnitudes[(finite.size() - 1) / 2];
  for (const double value : finite) result.mean += value;
  result.mean /= n;
  double m2 = 0.0, m4 = 0.0;
  for (const double value : finite) {
    m2 += std::pow(value - result.mean, 2);
    m4 += std::pow(value - result.mean, 4);
  }
  const bool equal = result.least == result.largest;
  result.deviation = equal ? 0.0 : std::sqrt(m2 / n);
  if (!equal) result.kurtosis = m4 * n / (m2 * m2);
  return result;
}

void check_same(double ours, double theirs, double relative) {
  if (std::isnan(theirs)) {
    CHECK(std::isnan(ours));
  } else {
    CHECK(std::abs(ours - theirs) <= relative * std::abs(theirs));
  }
}

/// Medians of 16-bit types must be equal, of f32 within the error that is stated.
void check_against_plain(const Tensor& tensor, size_t piece_bytes) {
  const WeightStatistics s = measured(tensor, piece_bytes);
  const Plain p = plain(to_values(tensor.view()));
  CHECK(s.count == tensor.count());
  CHECK(s.nans == p.nans);
  CHECK(s.infinities == p.infinities);
  CHECK(s.zeros == p.zeros);
  check_same(s.least, p.least, 0.0);
  check_same(s.largest, p.largest, 0.0);
  if (tensor.dtype() != DType::f32) {
    CHECK(s.median.error == 0.0);
    CHECK(s.median_magnitude.error == 0.0);
    check_same(s.median.value, p.median, 0.0);
    check_same(s.median_magnitude.value, p.median_magnitude, 0.0);
  } else if (!std::isnan(p.median)) {
    CHECK(std::abs(s.median.value - p.median) <= s.median.error);
    CHECK(std::abs(s.median_magnitude.value - p.median_magnitude) <= s.median_magnitude.error);
    CHECK(s.median.error <= 0x1p-8 * std::abs(p.median) + 0x1p-130);  // half of the 2^16 values that share a bin
  }
  if (p.nans + p.infinities == s.count) return;
  CHECK(std::abs(s.moments.mean - p.mean) <= 1e-12 * p.deviation + 1e-13 * std::abs(p.mean));
  check_same(s.moments.deviation(), p.deviation, 1e-8);
  check_same(s.moments.kurtosis(), p.kurtosis, 1e-8);
}

const std::vector<std::pair<const char*, std::vector<double>>> kSpecial = {
    {"one element", {0.5}},
    {"two elements: the lower is the median", {3.0, -1.0}},
    {"all equal", {0.75, 0.75, 0.75}},
    {"zeros of both signs", {0.0, -0.0, -0.0}},
    {"NaN and infinities beside numbers", {kNaN, 1.0, -kInf, 2.0, kInf, -4.0, kNaN, 0.0}},
    {"nothing finite", {kNaN, kInf, -kInf}},
    {"large beside small", {1e4, 0x1p-14, -1e4, 0x1p-20, 3.0}},
};

}  // namespace

TEST_CASE("statistics of special values are those of the plain computation") {
  for (const DType dtype : {DType::bf16, DType::f16, DType::f32}) {
    for (const auto& [name, values] : kSpecial) {
      INFO(dtype_name(dtype) << ", " << name);
      const auto count = static_cast<int64_t>(values.size());
      check_against_plain(Tensor::from_values(dtype, {count}, values), kPieceBytes);
    }
  }
}

TEST_CASE("statistics of random values are those of the plain computation, in any pieces") {
  SplitMix64 random(7);
  for (const DType dtype : {DType::bf16, DType::f16, DType::f32}) {
    for (const int64_t count : {2, 3, 97, 1000, 20'011}) {
      for (const double mean : {0.0, 1.2, 300.0}) {
        std::vector<double> values;
        for (int64_t i = 0; i < count; ++i) values.push_back(mean + 0.02 * random.normal());
        const Tensor tensor = Tensor::from_values(dtype, {count}, values);
        for (const size_t piece : {size_t{12}, size_t{4096}, kPieceBytes}) {
          INFO(dtype_name(dtype) << ", " << count << " around " << mean << ", pieces of " << piece);
          check_against_plain(tensor, piece);
        }
      }
    }
  }
}

TEST_CASE("any bits at all are counted, at any address") {
  SplitMix64 random(11);
  std::vector<std::byte> bytes(4 * 5000 + 1);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.next());
  for (const DType dtype : {DType::bf16, DType::f16, DType::f32}) {
    INFO(dtype_name(dtype));
    const TensorView view{dtype, {5000}, bytes.data() + 1};
    TensorMeter meter;
    const WeightStatistics s = measured(meter, view, kPieceBytes);
    const Plain p = plain(to_values(view));
    CHECK(s.nans == p.nans);
    CHECK(s.infinities == p.infinities);
    CHECK(s.nans + s.infinities + s.moments.count == 5000);
    check_same(s.least, p.least, 0.0);
    check_same(s.largest, p.largest, 0.0);
    if (dtype != DType::f16) {
      CHECK(s.huge > 1000);  // exponents of raw memory are spread evenly
      CHECK(s.tiny > 500);
    }
  }
}

TEST_CASE("zeros of f32 are told from the subnormals that share their bin") {
  const std::vector<double> zeros = {-1.0, 0.0, -0.0, 0.0, 2.0}, least = {-1.0, 0x1p-140, 0x1p-141, 0.0, 2.0};
  const WeightStatistics exact = measured(Tensor::from_values(DType::f32, {5}, zeros));
  CHECK(exact.median.value == 0.0);
  CHECK(exact.median.error == 0.0);
  CHECK(exact.tiny == 0);
  check_against_plain(Tensor::from_values(DType::f32, {5}, least), kPieceBytes);
  CHECK(measured(Tensor::from_values(DType::f32, {5}, least)).tiny == 2);
}

TEST_CASE("a meter measures one tensor after the other, and equal pieces have equal hashes") {
  TensorMeter meter;
  const Tensor a = Tensor::from_values(DType::bf16, {4}, std::vector<double>{1, 2, 3, 4});
  const Tensor b = Tensor::from_values(DType::bf16, {4}, std::vector<double>{1, 2, 4, 3});
  CHECK(measured(meter, a.view(), kPieceBytes).median.value == 2.0);
  const std::vector<uint64_t> of_a = meter.pieces();
  CHECK(meter.counts().size() == 4);
  CHECK(measured(meter, b.view(), kPieceBytes).largest == 4.0);
  CHECK(meter.pieces() != of_a);
  CHECK(measured(meter, a.view(), kPieceBytes).count == 4);
  CHECK(meter.pieces() == of_a);
  CHECK_THROWS_AS(meter.start(DType::i8), InputError);
}

TEST_CASE("the commonest value and its number are told, zeros of both signs as one") {
  const auto of = [](std::vector<double> values) {
    return measured(Tensor::from_values(DType::bf16, {static_cast<int64_t>(values.size())}, values));
  };
  CHECK(of({1, 2, 2, 3}).commonest == 2.0);
  CHECK(of({1, 2, 2, 3}).commonest_count == 2);
  CHECK(of({1, 0.0, -0.0, -0.0, 2, 2}).commonest == 0.0);
  CHECK(of({1, 0.0, -0.0, -0.0, 2, 2}).commonest_count == 3);
}

TEST_CASE("joined statistics are those of all values together") {
  SplitMix64 random(3);
  std::vector<double> first, second, both;
  for (int i = 0; i < 700; ++i) (i % 3 == 0 ? first : second).push_back(1.0 + 0.1 * random.normal());
  for (const DType dtype : {DType::bf16, DType::f32}) {
    both = first;
    both.insert(both.end(), second.begin(), second.end());
    const Tensor one = Tensor::from_values(dtype, {static_cast<int64_t>(first.size())}, first);
    const Tensor two = Tensor::from_values(dtype, {static_cast<int64_t>(second.size())}, second);
    const WeightStatistics all = measured(Tensor::from_values(dtype, {700}, both));
    TensorMeter meter;
    WeightStatistics joined;
    std::vector<uint64_t> table(kPatterns);
    for (const Tensor* tensor : {&one, &two}) {
      join_statistics(joined, measured(meter, tensor->view(), kPieceBytes));
      for (const PatternCount& count : meter.counts()) table[count.pattern] += count.count;
    }
    complete_statistics(joined, dtype, ascending_counts(dtype, table));
    CHECK(joined.count == 700);
    CHECK(joined.least == all.least);
    CHECK(joined.largest == all.largest);
    CHECK(joined.median.value == all.median.value);
    CHECK(joined.median_magnitude.value == all.median_magnitude.value);
    CHECK(joined.moments.kurtosis() == Approx(all.moments.kurtosis()).epsilon(1e-10));
    CHECK(joined.moments.deviation() == Approx(all.moments.deviation()).epsilon(1e-12));
  }
}

}  // namespace plumbline::test
