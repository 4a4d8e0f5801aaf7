// SPDX-License-Identifier: Apache-2.0
// The pieces of a report as JSON values, for the writers json and jsonl. Invariant: no null but where the schema says
// so; NaN and infinities are the strings "nan", "inf", "-inf".
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include <plumbline/find.h>

namespace plumbline {

using Json = nlohmann::ordered_json;

/// Everything that is said once: schema, verb, outcome, inputs, coverage, number of layers.
Json head_json(const FindReport& report);
Json finding_json(const Finding& finding);
Json op_json(const OpRow& row);
Json unmatched_json(const UnmatchedTap& tap);
/// As text; `indent` -1: on one line. Broken UTF-8 out of files is replaced, so that the text always parses.
std::string json_text(const Json& value, int indent);

}  // namespace plumbline
