// SPDX-License-Identifier: Apache-2.0
// Decodes a chunk, sorts out what is not finite, then makes one plain pass per family of figures over what is left.
#include "compare/chunk.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

namespace plumbline {
namespace {

/// Widens elements; the two formats that make up nearly every trace have loops of their own.
void decode_run(const TensorView& tensor, int64_t first, std::vector<double>& out) {
  const size_t step = element_bytes(tensor.dtype);
  const std::byte* from = tensor.data + static_cast<size_t>(first) * step;
  if (tensor.dtype == DType::bf16) {
    for (size_t i = 0; i < out.size(); ++i) {
      uint16_t bits;
      std::memcpy(&bits, from + i * 2, sizeof bits);
      out[i] = static_cast<double>(bf16_to_f32(bits));
    }
  } else if (tensor.dtype == DType::f32) {
    for (size_t i = 0; i < out.size(); ++i) {
      float value;
      std::memcpy(&value, from + i * 4, sizeof value);
      out[i] = static_cast<double>(value);
    }
  } else {
    for (size_t i = 0; i < out.size(); ++i) out[i] = decode(tensor.dtype, from + i * step);
  }
}

void note_first(int64_t& index, int64_t candidate) {
  if (index < 0) index = candidate;
}

/// Counts a pair that is not finite on both sides.
void count_mask(double expected, double actual, int64_t index, Metrics& counts) {
  if (std::isnan(expected) && std::isnan(actual)) {
    ++counts.nan_both;
    return;
  }
  if (std::isinf(expected) && expected == actual) {
    ++counts.inf_both;
    return;
  }
  if (std::isnan(expected)) {
    ++counts.nan_only_expected;
  } else if (std::isnan(actual)) {
    ++counts.nan_only_actual;
  } else if (std::isinf(expected) && std::isinf(actual)) {
    ++counts.inf_opposite;
  } else {
    ++(std::isinf(expected) ? counts.inf_only_expected : counts.inf_only_actual);
  }
  note_first(counts.first_mask_breach, index);
  ++counts.mismatches;
  note_first(counts.first_mismatch, index);
}

/// Integers beyond 2^53 widen to the same double though they differ: their bytes decide.
bool same_bytes(const TensorView& expected, const TensorView& actual, int64_t index) {
  const size_t step = element_bytes(expected.dtype);
  const size_t at = static_cast<size_t>(index) * step;
  return std::memcmp(expected.data + at, actual.data + at, step) == 0;
}

size_t ulp_bucket(double ulps) {
  if (ulps == 0.0) return 0;
  // ceil(ulps) in (2^(b-2), 2^(b-1)]: b - 1 is the ceiling of the logarithm.
  const double whole = std::ceil(std::min(ulps, 0x1p60));
  const auto bucket = static_cast<size_t>(std::bit_width(static_cast<uint64_t>(whole) - 1)) + 1;
  return std::min(bucket, kUlpBuckets - 1);
}

class ChunkMeasurer {
 public:
  ChunkMeasurer(const TensorView& expected, const TensorView& actual, double ulp_floor)
      : expected_(expected),
        actual_(actual),
        exact_integers_(expected.dtype == actual.dtype && !is_floating(expected.dtype)),
        ulp_floor_(std::fabs(ulp_floor)) {}

  ChunkState measure(int64_t first, int64_t count) {
    decode_both(first, count);
    for (size_t i = 0; i < a_.size(); ++i) sort_out(i, first + static_cast<int64_t>(i));
    a_.resize(kept_);
    b_.resize(kept_);
    state_.counts.count = count;
    state_.counts.finite_pairs = static_cast<int64_t>(kept_);
    add_sums();
    add_moments();
    return state_;
  }

 private:
  void decode_both(int64_t first, int64_t count) {
    a_.resize(static_cast<size_t>(count));
    b_.resize(static_cast<size_t>(count));
    decode_run(expected_, first, a_);
    decode_run(actual_, first, b_);
  }

  /// Counts pair i; moves it to the front if it is finite.
  void sort_out(size_t i, int64_t index) {
    const double a = a_[i], b = b_[i];
    Metrics& counts = state_.counts;
    if (!std::isfinite(a) || !std::isfinite(b)) return count_mask(a, b, index, counts);
    a_[kept_] = a;
    b_[kept_] = b;
    ++kept_;
    if (a == b && !(exact_integers_ && !same_bytes(expected_, actual_, index))) {
      ++counts.ulps[0];
      counts.signed_zeros += a == 0.0 && std::signbit(a) != std::signbit(b) ? 1 : 0;
      return;
    }
    count_difference(a, b, index);
  }

  void count_difference(double a, double b, int64_t index) {
    Metrics& counts = state_.counts;
    ++counts.mismatches;
    note_first(counts.first_mismatch, index);
    const double distance = std::fabs(b - a);
    const double spacing = is_floating(actual_.dtype) ? ulp(actual_.dtype, std::max(std::fabs(a), ulp_floor_)) : 1.0;
    ++counts.ulps[std::max<size_t>(1, ulp_bucket(distance / spacing))];
    if (distance > counts.max_abs || counts.max_abs_index < 0) {
      counts.max_abs = distance;
      counts.max_abs_index = index;
      counts.expected_there = a;
      counts.actual_there = b;
    }
  }

  /// Blocks of 256 in four plain lanes each, the blocks' sums compensated.
  template <class Term>
  void add_up(ExactSum& sum, const Term& term) const {
    constexpr size_t kBlock = 256, kLanes = 4;
    for (size_t first = 0; first < kept_; first += kBlock) {
      const size_t end = std::min(kept_, first + kBlock);
      double lanes[kLanes] = {};
      size_t i = first;
      for (; i + kLanes <= end; i += kLanes)
        for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(a_[i + lane], b_[i + lane]);
      for (; i < end; ++i) lanes[0] += term(a_[i], b_[i]);
      sum.add((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]));
    }
  }

  void add_sums() {
    add_up(state_.error, [](double a, double b) { return b - a; });
    add_up(state_.abs_error, [](double a, double b) { return std::fabs(b - a); });
    add_up(state_.error_square, [](double a, double b) { return (b - a) * (b - a); });
    add_up(state_.expected_square, [](double a, double) { return a * a; });
    add_up(state_.actual_square, [](double, double b) { return b * b; });
  }

  void add_moments() {
    if (kept_ == 0) return;
    ExactSum sum_a, sum_b, moment_a, moment_b, cross;
    add_up(sum_a, [](double a, double) { return a; });
    add_up(sum_b, [](double, double b) { return b; });
    const double mean_a = sum_a.value() / static_cast<double>(kept_),
                 mean_b = sum_b.value() / static_cast<double>(kept_);
    add_up(moment_a, [=](double a, double) { return (a - mean_a) * (a - mean_a); });
    add_up(moment_b, [=](double, double b) { return (b - mean_b) * (b - mean_b); });
    // The centred difference, not the product: 1 - correlation follows from it without cancellation.
    add_up(cross, [=](double a, double b) {
      const double difference = (b - mean_b) - (a - mean_a);
      return difference * difference;
    });
    state_.mean_expected = mean_a;
    state_.mean_actual = mean_b;
    state_.moment_expected = moment_a.value();
    state_.moment_actual = moment_b.value();
    state_.moment_difference = cross.value();
  }

  const TensorView& expected_;
  const TensorView& actual_;
  bool exact_integers_;
  double ulp_floor_;
  std::vector<double> a_, b_;
  size_t kept_ = 0;
  ChunkState state_;
};

void merge_counts(Metrics& to, const Metrics& from) {
  to.count += from.count;
  to.mismatches += from.mismatches;
  to.signed_zeros += from.signed_zeros;
  to.nan_only_expected += from.nan_only_expected;
  to.nan_only_actual += from.nan_only_actual;
  to.nan_both += from.nan_both;
  to.inf_only_expected += from.inf_only_expected;
  to.inf_only_actual += from.inf_only_actual;
  to.inf_both += from.inf_both;
  to.inf_opposite += from.inf_opposite;
  for (size_t b = 0; b < kUlpBuckets; ++b) to.ulps[b] += from.ulps[b];
  if (to.first_mismatch < 0) to.first_mismatch = from.first_mismatch;
  if (to.first_mask_breach < 0) to.first_mask_breach = from.first_mask_breach;
  if (from.max_abs_index >= 0 && (to.max_abs_index < 0 || from.max_abs > to.max_abs)) {
    to.max_abs = from.max_abs;
    to.max_abs_index = from.max_abs_index;
    to.expected_there = from.expected_there;
    to.actual_there = from.actual_there;
  }
}

/// Second moments about the joint mean; finite_pairs are still those of the two parts.
void merge_moments(ChunkState& to, const ChunkState& from) {
  const auto na = static_cast<double>(to.counts.finite_pairs), nb = static_cast<double>(from.counts.finite_pairs);
  if (nb == 0.0) return;
  const double share = nb / (na + nb), weight = na * share;
  const double step_expected = from.mean_expected - to.mean_expected, step_actual = from.mean_actual - to.mean_actual;
  const double step_difference = step_actual - step_expected;
  to.mean_expected += step_expected * share;
  to.mean_actual += step_actual * share;
  to.moment_expected += from.moment_expected + step_expected * step_expected * weight;
  to.moment_actual += from.moment_actual + step_actual * step_actual * weight;
  to.moment_difference += from.moment_difference + step_difference * step_difference * weight;
}

}  // namespace

void ExactSum::add(double value) {
  const double total = sum + value;
  const double rest = std::fabs(sum) >= std::fabs(value) ? (sum - total) + value : (value - total) + sum;
  lost += std::isfinite(rest) ? rest : 0.0;
  sum = total;
}

ChunkState measure_chunk(const TensorView& expected, const TensorView& actual, int64_t first, int64_t count,
                         double ulp_floor) {
  return ChunkMeasurer(expected, actual, ulp_floor).measure(first, count);
}

void merge(ChunkState& state, const ChunkState& next) {
  merge_moments(state, next);
  merge_counts(state.counts, next.counts);
  state.counts.finite_pairs += next.counts.finite_pairs;
  state.error.add(next.error);
  state.abs_error.add(next.abs_error);
  state.error_square.add(next.error_square);
  state.expected_square.add(next.expected_square);
  state.actual_square.add(next.actual_square);
}

}  // namespace plumbline
