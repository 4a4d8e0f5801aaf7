// SPDX-License-Identifier: Apache-2.0
// Reading a CLI11 parser. Choices stand in its type names, as in "TEXT:{cpu,cuda}".
#include "options/option_table.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

namespace plumbline {
namespace {

std::string twin_of(const std::string& name) {
  std::string twin = "PLUMBLINE_";
  for (const char c : name) twin += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return twin;
}

std::vector<std::string> choices_in(const std::string& type) {
  const size_t open = type.find('{'), close = type.rfind('}');
  std::vector<std::string> choices;
  if (open == std::string::npos || close == std::string::npos || close < open) return choices;
  for (size_t begin = open + 1; begin < close;) {
    const size_t end = std::min(type.find(',', begin), close);
    choices.push_back(type.substr(begin, end - begin));
    begin = end + 1;
  }
  return choices;
}

/// "TEXT:{cpu,cuda}" -> "cpu|cuda"; "INT:INT in [0 - 9]" -> "INT".
std::string value_name(const std::string& type, const std::vector<std::string>& choices) {
  std::string out;
  for (const std::string& choice : choices) out += (out.empty() ? "" : "|") + choice;
  if (!out.empty()) return out;
  const size_t colon = type.find(':');
  return colon == 0 || type.empty() ? "VALUE" : type.substr(0, colon);
}

bool asks_for_text(const std::string& name) { return name == "help" || name == "version"; }

OptionRow row_of(const CLI::Option& option) {
  OptionRow row;
  row.positional = option.get_positional();
  row.required = option.get_required();
  row.text = option.get_description();
  if (row.positional) {
    row.names.push_back(option.get_name(true));
  } else {
    for (const std::string& name : option.get_snames()) row.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) row.names.push_back("--" + name);
  }
  const bool takes_value = option.get_items_expected_max() > 0;
  if (takes_value) {
    row.choices = choices_in(option.get_type_name());
    row.value = value_name(option.get_type_name(), row.choices);
    row.repeatable = option.get_items_expected_max() > 1;
  }
  const std::vector<std::string>& names = option.get_lnames();
  if (!row.positional && !names.empty() && !asks_for_text(names.front())) row.environment = twin_of(names.front());
  return row;
}

}  // namespace

VerbRow option_table(const CLI::App& app) {
  VerbRow table;
  table.name = app.get_name();
  table.text = app.get_description();
  table.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty()) table.options.push_back(row_of(*option));
  }
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    table.verbs.push_back(option_table(*verb));
  return table;
}

}  // namespace plumbline
