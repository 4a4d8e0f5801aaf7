// SPDX-License-Identifier: Apache-2.0
// Causes of a failed op, each proven by a counterfactual: the op is replayed on the candidate's own inputs with the
// supposed mistake, and the cause is named only if what is left falls to the rounding floor and to a tenth or less of
// what it was. Invariant: knows nothing of the faults that plumbline itself can plant.
#pragma once
#include <vector>

#include "locate/failed_op.h"

namespace plumbline {

/// The causes of a failure: `likely` ones first (the simplest first of those that explain equally much), then
/// `possible`, then the families that were ruled out. Never throws for data that do not fit a supposition.
std::vector<Cause> diagnose(const FailedOp& failed);

}  // namespace plumbline
