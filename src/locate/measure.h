// SPDX-License-Identifier: Apache-2.0
// Numbers of one op over all pairs of steps: values of both sides subtracted, the exact split, the realised gain.
// Invariant: only elements whose positions both sides hold take part.
#pragma once
#include <plumbline/compare.h>
#include <plumbline/find.h>

#include <functional>

#include "locate/judged_op.h"
#include "locate/selection.h"

namespace plumbline {

struct OpMeasures {
  bool split = false;         ///< the split could be formed (both sides were replayed)
  bool beyond_noise = false;  ///< some difference exceeds the bounds of both sides together, or masks differ
  double explained = 0.0;     ///< share of the total's square that the inherited part explains, where it is largest
};

/// One result of an op over the common positions of one pair of steps.
struct MeasuredResult {
  const TapSpec& output;
  const StepPair& steps;
  Metrics metrics;
  Selection candidate;  ///< which of the candidate's elements those are
};
/// Visits every result that both sides recorded, in order of results and steps, until `visit` returns false.
void for_each_measured(const Context& context, const Op& op, const std::function<bool(const MeasuredResult&)>& visit);

/// Fills the figures of `row` from stored values alone (no replay): max_abs, nmse, cosine, unequal, elements, total.
void measure_values(const Context& context, const Op& op, OpRow& row);
/// Fills own, inherited, total, residue, input_difference and gain; needs both sides replayed.
OpMeasures measure_split(const Context& context, const Op& op, const JudgedSide& reference, const JudgedSide& candidate,
                         OpRow& row);

}  // namespace plumbline
