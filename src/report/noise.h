// SPDX-License-Identifier: Apache-2.0
// NoiseReports as text and as JSON.
#pragma once
#include <string>

#include "locate/noise.h"

namespace plumbline {

/// Per floor: noise of every op name over the layers, growth, logits, and the positions whose choice is closest; then
/// what that means for the candidate. `rows`: positions in each table; 0: all.
std::string noise_text(const NoiseReport& report, int rows);
/// One object (dumps/schema/plumbline-noise.schema.json): every op, layer and position. What is not finite is null.
std::string noise_json(const NoiseReport& report);

/// "within", "beyond", "undecidable".
std::string_view noise_outcome_name(NoiseOutcome outcome);

}  // namespace plumbline
