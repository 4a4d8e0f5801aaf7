// SPDX-License-Identifier: Apache-2.0
// Findings that only a policy makes: limits passed, kernels that are not allowed.
// Invariant: an op that already has a finding about its own error is not blamed twice for it.
#pragma once
#include "gate/facts.h"
#include "gate/policy.h"

namespace plumbline {

/// Adds P0503 and P0504.
void add_breaches(FindReport& report, const Policy& policy, const GateFacts& facts);

}  // namespace plumbline
