// SPDX-License-Identifier: Apache-2.0
// The exact split of one op's difference: total = inherited + own(candidate) - own(reference), as sums of squares that
// add up over blocks. Invariant: formed in f64 on the same elements; pairs with a NaN or infinity in any of the four
// values are left out of every sum.
#pragma once
#include <cstdint>
#include <vector>

namespace plumbline {

struct Split {
  double total = 0.0, inherited = 0.0, own = 0.0, reference_own = 0.0;  ///< squared 2-norms of the parts
  double residue = 0.0;      ///< squared norm of total - inherited - own + reference_own
  double unexplained = 0.0;  ///< squared norm of total - inherited
  double reference = 0.0;    ///< squared norm of the reference's exact result
  int64_t elements = 0;      ///< that took part

  void add(const Split& other);
  /// Norm of a part relative to the reference's; 0/0 is 0, x/0 is infinite, NaN if no element was finite.
  double relative(double part) const;
};

/// Stored values y and exact results f of both sides, element by element. Elements that both sides hold at or beyond
/// `mask` in magnitude (attention scores at the lowest finite value) are left out: they would drown every norm.
Split split_of(const std::vector<double>& reference_stored, const std::vector<double>& reference_exact,
               const std::vector<double>& candidate_stored, const std::vector<double>& candidate_exact, double mask);

/// Relative 2-norm of actual - expected over finite pairs that are not both masked; 0/0 is 0.
double relative_difference(const std::vector<double>& expected, const std::vector<double>& actual, double mask);

}  // namespace plumbline
