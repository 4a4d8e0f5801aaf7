// SPDX-License-Identifier: Apache-2.0
// An option table as JSON: how `plumbline` learns the options of plumbline-run beside it.
#include <nlohmann/json.hpp>

#include <plumbline/error.h>

#include "options/option_table.h"

namespace plumbline {
namespace {

nlohmann::json to_json(const OptionRow& row) {
  return {{"names", row.names},
          {"value", row.value},
          {"text", row.text},
          {"choices", row.choices},
          {"environment", row.environment},
          {"positional", row.positional},
          {"required", row.required},
          {"repeatable", row.repeatable}};
}

nlohmann::json to_json(const VerbRow& table) {
  nlohmann::json options = nlohmann::json::array(), verbs = nlohmann::json::array();
  for (const OptionRow& row : table.options) options.push_back(to_json(row));
  for (const VerbRow& verb : table.verbs) verbs.push_back(to_json(verb));
  return {{"name", table.name}, {"text", table.text}, {"footer", table.footer}, {"options", options}, {"verbs", verbs}};
}

OptionRow option_from(const nlohmann::json& json) {
  OptionRow row;
  json.at("names").get_to(row.names);
  json.at("value").get_to(row.value);
  json.at("text").get_to(row.text);
  json.at("choices").get_to(row.choices);
  json.at("environment").get_to(row.environment);
  json.at("positional").get_to(row.positional);
  json.at("required").get_to(row.required);
  json.at("repeatable").get_to(row.repeatable);
  return row;
}

VerbRow verb_from(const nlohmann::json& json) {
  VerbRow verb;
  json.at("name").get_to(verb.name);
  json.at("text").get_to(verb.text);
  json.at("footer").get_to(verb.footer);
  for (const nlohmann::json& option : json.at("options")) verb.options.push_back(option_from(option));
  for (const nlohmann::json& inner : json.at("verbs")) verb.verbs.push_back(verb_from(inner));
  return verb;
}

}  // namespace

std::string table_json(const VerbRow& table) { return to_json(table).dump(); }

VerbRow table_from_json(std::string_view text) {
  try {
    return verb_from(nlohmann::json::parse(text));
  } catch (const nlohmann::json::exception& error) {
    throw InputError("no option table", {error.what()}, "install plumbline and plumbline-run of one build");
  }
}

}  // namespace plumbline
