// SPDX-License-Identifier: Apache-2.0
// How far each side is from exact arithmetic at one op, whatever intermediate roundings the contract declares: which of
// two right implementations is the nearer one. Leaves the judgement (policy not-worse) to src/gate.
#pragma once
#include <plumbline/find.h>

#include "locate/judged_op.h"

namespace plumbline {

/// Fills row.exact_own, exact_reference_own, exact_share, exact_reference_share and exact_excess. `parameters` are
/// those of the op. Both sides are replayed on their own inputs, over the positions that both hold; masked scores and
/// non-finite elements take no part.
void measure_exactness(const Context& context, const Op& op, const JudgedSide& reference, const JudgedSide& candidate,
                       const std::vector<Array>& parameters, OpRow& row);

}  // namespace plumbline
