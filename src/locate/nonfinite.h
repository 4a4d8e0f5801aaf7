// SPDX-License-Identifier: Apache-2.0
// Where NaN or infinity first stands on both sides at once: the sides agree, and nothing can be judged there.
#pragma once
#include <optional>
#include <vector>

#include "locate/context.h"

namespace plumbline {

/// A warning at the first row with such elements, with the place of the first and the parameter that holds the same, if
/// one does; nullopt if there is none.
std::optional<Finding> nonfinite_finding(const Context& context, const std::vector<OpRow>& rows);

}  // namespace plumbline
