// SPDX-License-Identifier: Apache-2.0
// Whether an op can be judged at all: where right results may be off by as much as they are large, holding a bound says
// nothing. Invariant: depends on one side's replay and recorded results alone. Leaves segments, which such bounds are
// replaced for, to noise_gate.
#pragma once
#include <string>
#include <vector>

#include "locate/judged_op.h"

namespace plumbline {

/// Root mean square of the bounds of a result over that of its values; NaN, infinity and masks take no part. Infinite
/// where nothing is known of an element, 0 of a result without bounds or values.
double relative_bound(const Evaluated& result);

/// Root mean squares over that of the values, all steps together; of the op's worst result.
struct Conditioning {
  double error = 0.0;  ///< of what was stored
  double bound = 0.0;  ///< of what a right implementation may be off by
  /// No count of unlike bits could fail either, and the bound is wider than the values, or an error within it already
  /// more than a tenth of them.
  bool ill = false;
};
/// Of an op replayed by itself; never ill for the end of a segment.
Conditioning conditioning_of(const JudgedSide& side);

/// Both sides in words, and which of them is the outlier.
std::vector<std::string> conditioning_evidence(const Conditioning& reference, const Conditioning& candidate);

}  // namespace plumbline
