// SPDX-License-Identifier: Apache-2.0
// What a gate demands beyond "no divergence": enough was judged, nothing stopped being recorded, and the policy holds.
// Invariant: only a named entry of the policy, or a tap allowed to be missing, makes an outcome milder, and it is
// shown.
#pragma once
#include <plumbline/find.h>

#include "gate/facts.h"
#include "gate/policy.h"

namespace plumbline {

/// Applies the policy: findings that it accepts become notes, its breaches become findings P0503 to P0506, and P0501
/// and P0502 turn parity into inconclusive where coverage or a tap is lacking. Ops that could not be judged for lack of
/// taps (P0104) are waived if allow_missing covers all of those; they stay out of the coverage. Throws UsageError if
/// min_coverage is not within 0 and 1, InputError for a rule or tap glob that matches nothing.
void apply_gate(FindReport& report, const Policy& policy, const GateFacts& facts, Date today);

}  // namespace plumbline
