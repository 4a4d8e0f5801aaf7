// SPDX-License-Identifier: Apache-2.0
#include <plumbline/compare.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <plumbline/error.h>

#include "compare/chunk.h"
#include "core/parallel.h"

namespace plumbline {
namespace {

/// Joins neighbours, then pairs of neighbours, ...: a tree that depends on the number of chunks alone.
ChunkState merge_tree(std::vector<ChunkState>& states) {
  for (size_t stride = 1; stride < states.size(); stride *= 2) {
    for (size_t i = 0; i + stride < states.size(); i += 2 * stride) merge(states[i], states[i + stride]);
  }
  return states.empty() ? ChunkState{} : states.front();
}

/// 1 - <a, b> / (|a| |b|) from |a - b|^2, |a|^2 and |b|^2: <a, b> itself would cancel (it can give a cosine above 1).
double one_minus_cosine(double difference_square, double a_square, double b_square) {
  if (a_square == 0.0 && b_square == 0.0) return 0.0;
  if (a_square == 0.0 || b_square == 0.0) return 1.0;
  const double a = std::sqrt(a_square), b = std::sqrt(b_square);
  // |a| - |b|, again without cancellation when both are close.
  const double lengths = a - b;
  const double angle = (difference_square - lengths * lengths) / (2.0 * a * b);
  return std::fmin(2.0, std::fmax(0.0, angle));
}

double relative(double error, double size) {
  if (error == 0.0) return 0.0;
  return size == 0.0 ? std::numeric_limits<double>::infinity() : error / size;
}

Metrics finish(const ChunkState& state) {
  Metrics m = state.counts;
  if (m.finite_pairs == 0) return m;
  const auto n = static_cast<double>(m.finite_pairs);
  const double error_square = state.error_square.value();
  m.mean_error = state.error.value() / n;
  m.mean_abs_error = state.abs_error.value() / n;
  m.rms_error = std::sqrt(error_square / n);
  m.norm_expected = std::sqrt(state.expected_square.value());
  m.norm_actual = std::sqrt(state.actual_square.value());
  m.norm_error = std::sqrt(error_square);
  m.relative_l2 = relative(m.norm_error, m.norm_expected);
  m.nmse = m.relative_l2 * m.relative_l2;
  m.one_minus_cosine = one_minus_cosine(error_square, state.expected_square.value(), state.actual_square.value());
  m.one_minus_correlation = one_minus_cosine(state.moment_difference, state.moment_expected, state.moment_actual);
  return m;
}

}  // namespace

Metrics compare(const TensorView& expected, const TensorView& actual, const CompareOptions& options) {
  if (expected.shape != actual.shape) {
    throw ShapeError("cannot compare tensors of different shapes",
                     {"expected  " + to_string(expected.shape), "actual    " + to_string(actual.shape)},
                     "pair taps of the same op and step");
  }
  const int64_t count = expected.count(), chunks = (count + kChunkElements - 1) / kChunkElements;
  std::vector<ChunkState> states(static_cast<size_t>(chunks));
  parallel_for(chunks, options.threads, [&](int64_t chunk) {
    const int64_t first = chunk * kChunkElements;
    states[static_cast<size_t>(chunk)] =
        measure_chunk(expected, actual, first, std::min(kChunkElements, count - first), options.ulp_floor);
  });
  Metrics metrics = finish(merge_tree(states));
  metrics.bitwise_equal =
      count > 0 && expected.dtype == actual.dtype && std::memcmp(expected.data, actual.data, expected.byte_size()) == 0;
  return metrics;
}

}  // namespace plumbline
