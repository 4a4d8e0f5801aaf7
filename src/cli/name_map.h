// SPDX-License-Identifier: Apache-2.0
// --map: which map is meant, and both traces under the names that it gives.
#pragma once
#include <optional>
#include <string>

#include "cli/compare_options.h"

namespace plumbline {

void add_map_option(CLI::App& verb, std::optional<std::string>& map);
/// Applies the map to both traces; a trace that no rule matches keeps its names. Throws InputError if none is matched,
/// if the map cannot be read, or for "hf" if no trace and no model says what the architecture is.
TracePair mapped(TracePair traces, const std::string& map, const std::optional<std::string>& model);

}  // namespace plumbline
