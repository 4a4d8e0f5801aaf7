// SPDX-License-Identifier: Apache-2.0
// The sentences that stand under a finding: what was measured, where it sits, what the inputs and inner taps say.
// Invariant: every sentence carries the figure that decided it; nothing is guessed.
#pragma once
#include <string>
#include <vector>

#include "locate/judged_op.h"

namespace plumbline {

/// Own error against its bound and mismatches against expectation, of one judgement.
std::vector<std::string> judgement_evidence(const Evaluated& result, const Judgement& judgement);
/// Along which axis few indices hold nearly all of the failure ("3 of 256 channels hold 99% of it: 4, 17, 40").
std::vector<std::string> structure_evidence(const Evaluated& result, const TensorView& stored,
                                            const Judgement& judgement, const std::vector<std::string>& axes);
/// The size of the own error beside the reference's, and what else of its distribution is unlike rounding.
std::string distribution_evidence(const OpRow& row);
/// Whether the op's inputs agree between the two sides.
std::string input_evidence(const OpRow& row);
/// The inner taps of the candidate in that step, in order, up to the first that fails its bound; empty if none is
/// recorded on both sides.
std::string inner_evidence(const Context& context, const Op& op, const OpInputs& in, int64_t step);

}  // namespace plumbline
