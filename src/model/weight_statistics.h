// SPDX-License-Identifier: Apache-2.0
// What the values of one stored tensor are like, in one pass: extremes, median, moments, how often a value occurs.
// Invariant: the same figures on every machine, whatever the number of threads. Of bf16 and f16 all of them follow from
// how often each of the 65,536 patterns occurs, so median and extremes are exact; of f32 the upper halves are counted,
// so a median is known to within a stated error, while extremes and moments are taken from the values themselves.
// NaN and infinities are counted and left out of the rest. Leaves to others: which tensors, threads, what it means.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include <plumbline/tensor.h>

namespace plumbline {

/// Central moments, as sums: they join without loss of figures where the mean is far from 0 (Pebay, SAND2008-6212).
struct Moments {
  int64_t count = 0;
  double mean = 0.0, m2 = 0.0, m3 = 0.0, m4 = 0.0;

  void join(const Moments& other);
  double deviation() const;  ///< NaN of no value
  double kurtosis() const;   ///< 3 for normal values; NaN if all are equal
};

/// A figure known to within `error` (0: exactly).
struct Known {
  double value = 0.0, error = 0.0;
};

struct WeightStatistics {
  int64_t count = 0, nans = 0, infinities = 0, zeros = 0;
  double least = 0.0, largest = 0.0;  ///< of the finite values; NaN if there are none, like the medians
  Known median;                       ///< the lower of two middle ones, as torch.median
  Known median_magnitude;
  double commonest = 0.0;       ///< of f32 always 0
  int64_t commonest_count = 0;  ///< elements equal to it
  int64_t tiny = 0, huge = 0;   ///< finite, not 0: magnitudes below kTinyWeight; at or above kHugeWeight
  Moments moments;

  double magnitude() const;  ///< the largest one
  /// Largest over median magnitude; infinite if that is 0.
  double spread() const;
};

// No training leaves weights there: the squares of what lies below vanish beside any eps, and what lies above would
// pass f16's range eight times over.
constexpr double kTinyWeight = 0x1p-64, kHugeWeight = 0x1p19;

constexpr size_t kPatterns = size_t{1} << 16;

constexpr size_t kPieceBytes = size_t{1} << 20;

/// bf16, f16 and f32.
bool can_measure(DType dtype);

/// Of the finite patterns that occur, the number of elements; from the least to the largest value (-0 before 0).
struct PatternCount {
  uint16_t pattern = 0;
  uint64_t count = 0;
};
using PatternCounts = std::vector<PatternCount>;
/// From a table of all kPatterns.
PatternCounts ascending_counts(DType dtype, std::span<const uint64_t> table);

/// Measures one tensor after the other; its tables are made once.
class TensorMeter {
 public:
  TensorMeter();
  /// Throws InputError for a dtype that cannot be measured.
  void start(DType dtype);
  /// Pieces in the order of memory; each a whole number of elements, at most kPieceBytes.
  void add(std::span<const std::byte> piece);
  WeightStatistics finish();

  /// Of the tensor that was finished last: how often each pattern occurs (f32: each upper half), and XXH3-64 of every
  /// piece. Tensors of one dtype and shape with equal hashes hold the same numbers (for all practical purposes).
  const PatternCounts& counts() const { return counts_; }
  const std::vector<uint64_t>& pieces() const { return pieces_; }

 private:
  void fold();

  DType dtype_ = DType::bf16;
  WeightStatistics statistics_;
  std::vector<uint32_t> tables_;
  std::vector<uint64_t> folded_;  // of what had to leave the tables before a counter could overflow; else empty
  PatternCounts counts_;
  std::vector<uint64_t> pieces_;
  std::vector<float> finite_;
  int64_t in_tables_ = 0;
};

/// Of several tensors of one dtype together: join each into `all`, then complete it with the counts of all, which
/// decide the medians.
void join_statistics(WeightStatistics& all, const WeightStatistics& one);
void complete_statistics(WeightStatistics& statistics, DType dtype, const PatternCounts& counts);

}  // namespace plumbline
