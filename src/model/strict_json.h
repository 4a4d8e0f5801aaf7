// SPDX-License-Identifier: Apache-2.0
// JSON from files that nobody vouches for: parsed with the rules that the usual parsers leave open.
// Invariant: what comes back has no duplicate key at any level and nests no deeper than 64 levels.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace plumbline {

/// Text that cannot be used; what() is one line without the file's name, which the caller adds.
struct JsonProblem : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws JsonProblem for malformed text (with the byte where it breaks), a duplicate key or too deep a nesting.
nlohmann::json parse_strict_json(std::string_view text);

/// What a value is, for messages: "a text", "an integer", "null", ...
std::string_view json_type(const nlohmann::json& value);

/// `name` fit for a message: bytes outside printable ASCII escaped, cut after 160 bytes.
std::string printable(std::string_view name);

}  // namespace plumbline
