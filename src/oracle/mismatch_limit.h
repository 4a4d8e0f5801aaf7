// SPDX-License-Identifier: Apache-2.0
// How many results may differ in their bits by honest rounding. Invariant: a limit is passed once in 1e9 tensors at
// most, as far as the expectations hold, be elements independent or turned together, row by row, by an error that they
// share.
#pragma once
#include <cstdint>
#include <vector>

namespace plumbline {

/// Smallest k with P(sum > k) <= 1e-9, where events of size s come `rates[s]` times on average, each by chance
/// (a compound Poisson law; Panjer's recursion). Size 0 does not count.
int64_t compound_limit(const std::vector<double>& rates);

/// The same with events of size 1: smallest k with P(Poisson(mean) > k) <= 1e-9.
int64_t poisson_limit(double mean);

/// The limit for mismatches, from what is expected of every element.
///
/// Elements of one row may share an error (a norm's 1 / rms) that turns several together, whole groups where they have
/// one significand. Of those that ten times the expected error turns, the row's count has some mean and lies between
/// none and all of them, depending on the shared error alone. The widest such law is all or none: events of that size,
/// mean / size of them, and never more than all. The others turn one by one.
class MismatchLaw {
 public:
  void add(double expectation) { alone_ += expectation; }
  /// An element of that row which a plausible error turns. Rows come in order.
  void add_shared(int64_t row, double expectation);
  int64_t limit() const;

 private:
  struct Row {
    int64_t index = 0, size = 0;
    double expected = 0.0;
  };
  double alone_ = 0.0;
  std::vector<Row> rows_;
};

}  // namespace plumbline
