// SPDX-License-Identifier: Apache-2.0
// An option table as JSON: how `plumbline` learns the options of plumbline-run beside it.
#include <nlohmann/json.hpp>

#include <plumbline/error.h>

#include "options/option_table.h"

namespace plumbline {

// Both directions; a missing or misshapen member is an exception of the library.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OptionRow, names, value, text, choices, environment, positional, required,
                                   repeatable)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(VerbRow, name, text, footer, options, verbs)

std::string table_json(const VerbRow& table) { return nlohmann::json(table).dump(); }

VerbRow table_from_json(std::string_view text) {
  try {
    return nlohmann::json::parse(text).get<VerbRow>();
  } catch (const nlohmann::json::exception& error) {
    throw InputError("no option table", {error.what()}, "install plumbline and plumbline-run of one build");
  }
}

}  // namespace plumbline
