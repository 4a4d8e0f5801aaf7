// SPDX-License-Identifier: Apache-2.0
// Hands the failures at the frontier to whoever looks for causes.
#pragma once
#include <vector>

#include "locate/op_walk.h"

namespace plumbline {

/// Fills Failure::causes of the first failures (in execution order; several, as defects may be independent) that follow
/// no other contract and are no dropped op. Does nothing without a finder in the options.
void find_causes(const Context& context, std::vector<OpResult>& results);

}  // namespace plumbline
