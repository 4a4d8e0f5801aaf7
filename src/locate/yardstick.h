// SPDX-License-Identifier: Apache-2.0
// The graph that both sides are held against. It is the reference's own, unless the reference was wired otherwise than
// its checkpoint says while the candidate was not: then the reference is what departs, and must not be the measure.
#pragma once
#include <vector>

#include <plumbline/op_graph.h>

#include "locate/op_walk.h"

namespace plumbline {

/// `reference` where it reads, op by op, the inputs and parameters that the checkpoint's graph names, or where the
/// candidate departs from that graph too. Else the candidate's wiring; contracts, attributes and results of ops that
/// both have alike are the reference's.
OpGraph yardstick(const OpGraph& reference, const OpGraph& candidate, const OpGraph& checkpoint);

/// Where a segment of the reference breaks its bound and holds ops that the reference's stated graph lacks, the first
/// of those is what it left out: the verdict moves there. After assign_roles.
void blame_ops_left_out_by_reference(const OpGraph& graph, const OpGraph& stated, std::vector<OpResult>& results);

}  // namespace plumbline
