// SPDX-License-Identifier: Apache-2.0
// The words that the parser gets: the command line, with the environment's twins put before it.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace plumbline {

struct CommandLine {
  std::vector<std::string> words;  ///< verb first, in order
  std::vector<std::string> twins;  ///< "PLUMBLINE_ROWS=20": variables that speak in it
};

/// Throws UsageError for an unknown verb, or an unknown option before it, with near-misses; and for a flag's variable
/// that is neither yes nor no.
CommandLine command_line(const CLI::App& app, int argc, char** argv);

}  // namespace plumbline
