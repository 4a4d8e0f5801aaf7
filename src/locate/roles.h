// SPDX-License-Identifier: Apache-2.0
// From the measurements of single ops to the part each plays in the graph, and what each finding explains.
// Invariant: `inherited`, `damper` and what a finding explains need a failed op upstream; nothing without a judgement
// is clean, unless both sides hold equal bits.
#pragma once
#include <set>
#include <string>
#include <vector>

#include <plumbline/find.h>

#include "locate/op_walk.h"

namespace plumbline {

// An amplifier passes its own gates, its difference is at least nine tenths inherited, and its gain is more than four
// times the largest gain that half-ulp noise met in it; a damper lies as far below the smallest, under a failed op.
inline constexpr double kGainFactor = 4.0;
inline constexpr double kExplainedShare = 0.9;

/// Moves the failure of a segment to the op in it that the candidate left out, where that was proven: one finding,
/// however many ops read what is missing. Call before assign_roles.
void blame_dropped_ops(const OpGraph& graph, std::vector<OpResult>& results);

/// Fills role, segment and reason of every row. `results` in execution order of `graph`.
void assign_roles(const OpGraph& graph, const Pairing& pairing, std::vector<OpResult>& results);

/// Inherited, amplifier or damper: the op adds nothing beyond its bound to what came in.
bool only_inherits(Role role);
/// Later ops that only inherit and can be reached from op `index`.
int64_t explained_by(const OpGraph& graph, const std::vector<OpResult>& results, size_t index);

/// Ops below any op of `sources` (the sources themselves only if they lie below another).
std::vector<bool> below(const OpGraph& graph, const std::vector<bool>& sources);

/// Names of the ops whose results were judged, alone or as part of a segment that was.
std::set<std::string> judged_ops(const std::vector<OpResult>& results);

}  // namespace plumbline
