// SPDX-License-Identifier: Apache-2.0
// How far what was stored is from a replay, in units of what rounding explains.
// Invariant: `left` is 1 on average for a right replay of data that were only rounded.
#pragma once
#include <cstdint>
#include <vector>

#include <plumbline/dtype.h>

namespace plumbline {

/// Sums over one result of an op, all steps.
struct ResultScore {
  double squares = 0.0;  ///< of stored - replayed (before the output rounding)
  double floor = 0.0;    ///< what rounding alone gives: ulp^2 / 12, and the replay's own uncertainty
  int64_t count = 0, mismatches = 0;
  int64_t broken = 0;     ///< NaN, infinity or a mask on one side only
  double expected = 0.0;  ///< mismatches that rounding explains

  void add(double stored, double exact, double rounded, double ulp, double sigma, double mask);
  double left() const;
};

struct Score {
  std::vector<ResultScore> results;

  double left() const;  ///< the worst result's residual over its rounding floor
  int64_t mismatches() const;
  int64_t broken() const;
  int64_t count() const;
  /// At the floor: no more than twice of what rounding gives, nothing broken.
  bool at_floor() const;
  bool usable() const { return !results.empty(); }  ///< the replay with the mistake was possible
};

/// How much a supposed mistake explains.
struct Gain {
  double squares = 1.0;     ///< residual before over residual after
  double mismatches = 1.0;  ///< the same of unequal bits
  bool proven = false;      ///< after it only rounding is left, and at most a tenth of what there was
};
Gain gain_of(const Score& before, const Score& after);

}  // namespace plumbline
