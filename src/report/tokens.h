// SPDX-License-Identifier: Apache-2.0
// A TokenReport as text and as JSON.
#pragma once
#include <optional>
#include <string>

#include <plumbline/model.h>

#include "locate/tokens.h"

namespace plumbline {

/// "97 \"a\"", without a tokenizer "97".
std::string token_text(int64_t id, const std::optional<Tokenizer>& tokenizer);

/// `tokenizer` turns ids into text; without one only ids are shown. `rows`: how many positions the table of largest
/// divergences has.
std::string tokens_text(const TokenReport& report, const std::optional<Tokenizer>& tokenizer, int rows);
/// One object: tokens of both sides, first difference, and per position choices, margins and divergence.
std::string tokens_json(const TokenReport& report, const std::optional<Tokenizer>& tokenizer);

}  // namespace plumbline
