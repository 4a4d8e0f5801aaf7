// SPDX-License-Identifier: Apache-2.0
// Findings in words: from measured ops, taps that cannot meet and parameters to the list a report prints, in execution
// order, and the outcome that follows from it.
#pragma once
#include <vector>

#include <plumbline/find.h>

#include "locate/context.h"
#include "locate/op_walk.h"

namespace plumbline {

/// Findings about ops and taps, with `parameters` (findings P0403 and P0404) merged in after the ops that read them.
std::vector<Finding> collect_findings(const Context& context, const std::vector<OpResult>& results,
                                      std::vector<Finding> parameters);

/// The tap that halves the segment of this row; "" if it has none.
std::string tap_to_add(const OpRow& row);

/// A report with one finding that makes everything else moot: inconclusive.
void conclude_moot(FindReport& report, Finding finding);
/// Sets outcome and headline from findings, rows and coverage; `fork` (optional) decides if nothing else does.
void conclude(FindReport& report, std::optional<Finding> fork);

/// A note if the candidate lacks positions that the reference has and the tokens do not say why.
void note_positions(const Alignment& alignment, FindReport& report);
TraceSummary summary_of(const Trace& trace, const std::vector<Step>& steps);

}  // namespace plumbline
