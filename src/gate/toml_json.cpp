// SPDX-License-Identifier: Apache-2.0
// TOML to JSON by the library's own formatter.
#include <fmt/format.h>
#include <plumbline/error.h>

#include <sstream>

#include "gate/map_file.h"

#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

namespace plumbline {

std::string toml_as_json(std::string_view text, const std::string& file) {
  try {
    const toml::table table = toml::parse(text, std::string_view(file));
    std::ostringstream json;
    json << toml::json_formatter(table);
    return json.str();
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    throw InputError(fmt::format("{}:{}: no TOML: {}", file, at.line, error.description()),
                     {fmt::format("column  {}", at.column)}, "");
  }
}

}  // namespace plumbline
