// SPDX-License-Identifier: Apache-2.0
// What a policy lets pass: wider limits, allowed contracts, not-worse, waivers. Invariant: a finding that is accepted
// stays in the report as a note with its reason; one that no entry accepts is left as it was.
#pragma once
#include "gate/policy.h"

namespace plumbline {

/// Accepts findings, and adds P0505 for waivers that excuse nothing, P0506 for those that would but have expired, and a
/// note for those that soon will. A waiver whose ceiling a finding passes is named in that finding's evidence.
void accept_findings(FindReport& report, const Policy& policy, Date today);

}  // namespace plumbline
