// SPDX-License-Identifier: Apache-2.0
// Choices and divergences of next tokens in words, for every verb that shows them. What a token reads as is the
// caller's business.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/next_token.h"

namespace plumbline {

using TokenText = std::function<std::string(int64_t id)>;  ///< "97 \"a\""

/// Which position chose, both sides' two likeliest tokens with their margin, and the divergence: four lines.
std::string choice_text(const NextToken& next, const TokenText& text);

/// At how many positions the choice differs, and how wide the reference's margin is at most there: how much it takes to
/// tell the two apart. Empty if it differs nowhere.
std::string differences_text(const std::vector<NextToken>& all);

/// Mean and largest divergence, at how many positions the likeliest token is the same, and the `rows` positions that
/// diverge most; NaN counts as more than any number. `all` is not empty.
std::string divergence_table(const std::vector<NextToken>& all, const TokenText& text, int rows);

}  // namespace plumbline
