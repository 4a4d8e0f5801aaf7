// SPDX-License-Identifier: Apache-2.0
// Environment twins: PLUMBLINE_ROWS=20 stands for --rows 20 wherever that option exists. Invariant: the command line
// wins; a twin is handed to the parser as the option itself, so it meets the same checks.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "options/option_table.h"

namespace plumbline {

struct EnvironmentTwins {
  std::vector<std::string> arguments;  ///< "--rows=20", to stand before the command line's own
  std::vector<std::string> used;       ///< "PLUMBLINE_ROWS=20", for messages
};

using Getenv = std::function<std::optional<std::string>(const std::string&)>;

/// The twins that are set and whose options `arguments` does not give. An empty variable counts as unset. A flag's twin
/// is 1, true, yes or on, or 0, false, no or off. Throws UsageError for another value.
EnvironmentTwins environment_twins(const VerbRow& verb, const std::vector<std::string>& arguments,
                                   const Getenv& getenv = {});

}  // namespace plumbline
