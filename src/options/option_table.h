// SPDX-License-Identifier: Apache-2.0
// The options of a program as data, read off its parser: what completions, the man page and the environment twins are
// made of. Invariant: every option that the parser takes is a row, so none of the three can fall behind it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace plumbline {

struct OptionRow {
  std::vector<std::string> names;    ///< "-n", "--rows"; of a positional its name alone
  std::string value;                 ///< "N", "FILE"; empty for a flag
  std::string text;                  ///< one sentence
  std::vector<std::string> choices;  ///< all the values there are; empty: any
  std::string environment;           ///< "PLUMBLINE_ROWS"; empty: no twin
  bool positional = false, required = false, repeatable = false;

  bool flag() const { return !positional && value.empty(); }
};

struct VerbRow {
  std::string name, text, footer;
  std::vector<OptionRow> options;
  std::vector<VerbRow> verbs;  ///< "check" under "policy"
};

/// The table of a parser and its subcommands, in the order of declaration. Help and version have no twin.
VerbRow option_table(const CLI::App& app);

/// As text for another program, and back. Throws InputError if the text is no such table.
std::string table_json(const VerbRow& table);
VerbRow table_from_json(std::string_view text);

}  // namespace plumbline
