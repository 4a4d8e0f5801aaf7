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

/// Spacing of a floating format at |value|: for bf16 and f32 straight from the exponent bits.
double spacing(DType dtype, double value) {
  if (!is_floating(dtype)) return 1.0;
  const int fraction_bits = dtype == DType::bf16 ? 7 : 23;
  if (dtype != DType::bf16 && dtype != DType::f32) return ulp(dtype, value);
  const int exponent = static_cast<int>((std::bit_cast<uint64_t>(value) >> 52) & 0x7FF) - 1023;
  return std::bit_cast<double>(static_cast<uint64_t>(std::clamp(exponent, -126, 127) - fraction_bits + 1023) << 52);
}

/// Four partial sums: enough to keep the adders busy, and always the same four.
class Lanes {
 public:
  void add(size_t lane, double value) { lanes_[lane] += value; }
  double total() const { return (lanes_[0] + lanes_[1]) + (lanes_[2] + lanes_[3]); }

 private:
  double lanes_[4] = {};
};
constexpr size_t kLanes = 4, kBlock = 256;  // elements between two compensated additions

/// Widened elements of one chunk; kept from chunk to chunk, fresh pages for each would cost more than the arithmetic.
struct Scratch {
  std::vector<double> expected, actual;
};

class ChunkMeasurer {
 public:
  ChunkMeasurer(const TensorView& expected, const TensorView& actual, double ulp_floor, Scratch& scratch)
      : expected_(expected),
        actual_(actual),
        exact_integers_(expected.dtype == actual.dtype && !is_floating(expected.dtype)),
        ulp_floor_(std::fabs(ulp_floor)),
        a_(scratch.expected),
        b_(scratch.actual) {}

  ChunkState measure(int64_t first, int64_t count) {
    decode_both(first, count);
    first_ = first;
    if (all_finite()) {
      kept_ = a_.size();
      for (size_t i = 0; i < kept_; ++i) count_pair(a_[i], b_[i], first_ + static_cast<int64_t>(i));
    } else {
      for (size_t i = 0; i < a_.size(); ++i) sort_out(i);
    }
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

  bool all_finite() const {
    // x - x is 0 for every finite x, NaN for the others, and a NaN stays in the sum.
    Lanes zeros;
    for (size_t i = 0; i < a_.size(); ++i) zeros.add(i % kLanes, (a_[i] - a_[i]) + (b_[i] - b_[i]));
    return zeros.total() == 0.0;
  }

  /// Counts pair i; moves it to the front if it is finite.
  void sort_out(size_t i) {
    const double a = a_[i], b = b_[i];
    const int64_t index = first_ + static_cast<int64_t>(i);
    if (!std::isfinite(a) || !std::isfinite(b)) return count_mask(a, b, index, state_.counts);
    a_[kept_] = a;
    b_[kept_] = b;
    ++kept_;
    count_pair(a, b, index);
  }

  void count_pair(double a, double b, int64_t index) {
    const bool same = std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
    if (same && (!exact_integers_ || same_bytes(expected_, actual_, index))) {
      ++state_.counts.ulps[0];
    } else if (a == b && !exact_integers_) {
      ++state_.counts.ulps[0];
      ++state_.counts.signed_zeros;
    } else {
      count_difference(a, b, index);
    }
  }

  void count_difference(double a, double b, int64_t index) {
    Metrics& counts = state_.counts;
    ++counts.mismatches;
    note_first(counts.first_mismatch, index);
    const double distance = std::fabs(b - a);
    const double ulps = distance / spacing(actual_.dtype, std::max(std::fabs(a), ulp_floor_));
    ++counts.ulps[std::max<size_t>(1, ulp_bucket(ulps))];
    if (distance > counts.max_abs || counts.max_abs_index < 0) {
      counts.max_abs = distance;
      counts.max_abs_index = index;
      counts.expected_there = a;
      counts.actual_there = b;
    }
  }

  /// Calls body(lane, element) for every kept element and, after each block, end_of_block().
  template <class Body, class EndOfBlock>
  void in_blocks(const Body& body, const EndOfBlock& end_of_block) const {
    for (size_t first = 0; first < kept_; first += kBlock) {
      const size_t end = std::min(kept_, first + kBlock);
      size_t i = first;
      for (; i + kLanes <= end; i += kLanes)
        for (size_t lane = 0; lane < kLanes; ++lane) body(lane, i + lane);
      for (; i < end; ++i) body(0, i);
      end_of_block();
    }
  }

  void add_sums() {
    Lanes error, abs_error, error_square, a_square, b_square, a_sum, b_sum;
    ExactSum a_total, b_total;
    in_blocks(
        [&](size_t lane, size_t i) {
          const double a = a_[i], b = b_[i], e = b - a;
          error.add(lane, e);
          abs_error.add(lane, std::fabs(e));
          error_square.add(lane, e * e);
          a_square.add(lane, a * a);
          b_square.add(lane, b * b);
          a_sum.add(lane, a);
          b_sum.add(lane, b);
        },
        [&] {
          flush(error, state_.error);
          flush(abs_error, state_.abs_error);
          flush(error_square, state_.error_square);
          flush(a_square, state_.expected_square);
          flush(b_square, state_.actual_square);
          flush(a_sum, a_total);
          flush(b_sum, b_total);
        });
    if (kept_ == 0) return;
    state_.mean_expected = a_total.value() / static_cast<double>(kept_);
    state_.mean_actual = b_total.value() / static_cast<double>(kept_);
  }

  void add_moments() {
    const double a_mean = state_.mean_expected, b_mean = state_.mean_actual;
    Lanes a_moment, b_moment, difference;
    ExactSum a_total, b_total, difference_total;
    in_blocks(
        [&](size_t lane, size_t i) {
          const double a = a_[i] - a_mean, b = b_[i] - b_mean;
          a_moment.add(lane, a * a);
          b_moment.add(lane, b * b);
          // Of the centred difference, not the product: 1 - correlation follows from it without cancellation.
          difference.add(lane, (b - a) * (b - a));
        },
        [&] {
          flush(a_moment, a_total);
          flush(b_moment, b_total);
          flush(difference, difference_total);
        });
    state_.moment_expected = a_total.value();
    state_.moment_actual = b_total.value();
    state_.moment_difference = difference_total.value();
  }

  static void flush(Lanes& lanes, ExactSum& sum) {
    sum.add(lanes.total());
    lanes = {};
  }

  const TensorView& expected_;
  const TensorView& actual_;
  bool exact_integers_;
  double ulp_floor_;
  int64_t first_ = 0;
  std::vector<double>&a_, &b_;
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
  thread_local Scratch scratch;
  return ChunkMeasurer(expected, actual, ulp_floor, scratch).measure(first, count);
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
