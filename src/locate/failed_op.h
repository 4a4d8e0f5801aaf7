// SPDX-License-Identifier: Apache-2.0
// One op of the candidate whose own error failed, with all that a cause can be tested on: what it was given, what it
// stored, what the replay says. Made by the walk, read by whoever looks for causes (src/diagnose).
// Invariant: nothing here comes from the reference's numbers but `reference_squares`.
#pragma once
#include <vector>

#include <plumbline/find.h>

#include "locate/judged_op.h"

namespace plumbline {

struct FailedOp {
  const Context& context;
  const Op& op;                    ///< as the reference's graph has it
  std::vector<const Op*> segment;  ///< unrecorded ops replayed together with it, in execution order
  const JudgedSide& judged;        ///< of the candidate, under the op's own contract
  const std::vector<Array>& parameters;
  /// Of the reference's own error over each result (sums over steps of squares, and of elements): what honest rounding
  /// makes of this segment.
  std::vector<double> reference_squares, reference_counts;
};

}  // namespace plumbline
