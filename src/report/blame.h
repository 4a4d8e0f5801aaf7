// SPDX-License-Identifier: Apache-2.0
// A Blame beside the report of the same two traces, as text and as JSON.
#pragma once
#include <string>

#include <plumbline/find.h>

#include "locate/blame.h"
#include "model/text_codec.h"

namespace plumbline {

/// `report` names the first divergence and every op's role; `top`: how many contributions are listed, the largest
/// first (0: all, in execution order). Without a tokenizer only ids of tokens are shown.
std::string blame_text(const FindReport& report, const Blame& blame, const TextCodecPtr& tokenizer, int top);
std::string blame_json(const FindReport& report, const Blame& blame, const TextCodecPtr& tokenizer);

}  // namespace plumbline
