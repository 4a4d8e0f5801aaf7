// SPDX-License-Identifier: Apache-2.0
// What one chunk of a comparison adds up, and how two neighbouring chunks join. Invariant: merge(a, b) is called only
// with a before b, along one fixed tree, so every sum has one order whatever the number of threads.
#pragma once
#include <cstdint>

#include <plumbline/compare.h>

namespace plumbline {

inline constexpr int64_t kChunkElements = int64_t{1} << 16;

/// Neumaier's compensated sum: the error of each addition is kept.
struct ExactSum {
  double sum = 0.0, lost = 0.0;
  void add(double value);
  void add(const ExactSum& other) {
    add(other.sum);
    lost += other.lost;
  }
  double value() const { return sum + lost; }
};

struct ChunkState {
  Metrics counts;  ///< only its counts, indices, max_abs and histogram are in use
  ExactSum error, abs_error, error_square, expected_square, actual_square;
  // Centred moments over the finite pairs (Chan, Golub, LeVeque).
  double mean_expected = 0.0, mean_actual = 0.0;
  double moment_expected = 0.0, moment_actual = 0.0;
  double moment_difference = 0.0;  ///< of (actual - its mean) - (expected - its mean)
};

/// Elements [first, first + count) of both tensors.
ChunkState measure_chunk(const TensorView& expected, const TensorView& actual, int64_t first, int64_t count,
                         double ulp_floor);
/// Takes the state of the elements right after into `state`.
void merge(ChunkState& state, const ChunkState& next);

}  // namespace plumbline
