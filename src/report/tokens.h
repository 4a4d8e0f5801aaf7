// SPDX-License-Identifier: Apache-2.0
// A TokenReport as text and as JSON.
#pragma once
#include <string>

#include "locate/tokens.h"
#include "model/text_codec.h"

namespace plumbline {

/// "97 \"a\"", without a tokenizer "97".
std::string token_text(int64_t id, const TextCodecPtr& tokenizer);

/// `tokenizer` turns ids into text; without one only ids are shown. `rows`: how many positions the table of largest
/// divergences has.
std::string tokens_text(const TokenReport& report, const TextCodecPtr& tokenizer, int rows);
/// One object: tokens of both sides, first difference, and per position choices, margins and divergence.
std::string tokens_json(const TokenReport& report, const TextCodecPtr& tokenizer);

}  // namespace plumbline
