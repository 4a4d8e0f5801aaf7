// SPDX-License-Identifier: Apache-2.0
// Numbers of one op over all pairs of steps: values of both sides subtracted, the exact split, the realised gain.
// Invariant: only elements whose positions both sides hold take part.
#pragma once
#include <plumbline/find.h>

#include "locate/judged_op.h"

namespace plumbline {

struct OpMeasures {
  bool split = false;         ///< the split could be formed (both sides were replayed)
  bool beyond_noise = false;  ///< some difference exceeds the bounds of both sides together, or masks differ
  double explained = 0.0;     ///< share of the total's square that the inherited part explains, where it is largest
};

/// Fills the figures of `row` from stored values alone (no replay): max_abs, nmse, cosine, unequal, elements, total.
void measure_values(const Context& context, const Op& op, OpRow& row);
/// Fills own, inherited, total, residue, input_difference and gain; needs both sides replayed.
OpMeasures measure_split(const Context& context, const Op& op, const JudgedSide& reference, const JudgedSide& candidate,
                         OpRow& row);

}  // namespace plumbline
