// SPDX-License-Identifier: Apache-2.0
// What the two runs state about an op beside its numbers: that it is there, its kind, contract and inputs, and eps,
// theta, scale, pairing... A difference is a defect even where the data at hand do not show it.
#pragma once
#include <string>
#include <vector>

#include "locate/context.h"

namespace plumbline {

/// A line for everything that the candidate's graph states otherwise about `op` (of the reference's graph).
std::vector<std::string> setting_differences(const Context& context, const Op& op);

/// For an op whose numbers show nothing.
Finding settings_finding(const Op& op, std::vector<std::string> differences);

}  // namespace plumbline
