// SPDX-License-Identifier: Apache-2.0
// What both sides say of the tokens they were fed. Equal ids are what makes a comparison one of two implementations; a
// file that does not state them is paired by place alone, and that is said.
#pragma once
#include <string>
#include <vector>

#include "locate/positions.h"

namespace plumbline {

/// "both sides state the same token ids at 24 positions", or whose ids are missing; empty without a common position.
std::string token_note(const Alignment& alignment, const std::vector<Step>& reference,
                       const std::vector<Step>& candidate);

}  // namespace plumbline
