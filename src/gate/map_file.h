// SPDX-License-Identifier: Apache-2.0
// The reader of files of name maps (TOML or JSON). What a map holds is locate's (locate/name_map.h).
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "locate/name_map.h"

namespace plumbline {

/// A file ending in .json is JSON, any other TOML. Throws InputError naming file and place.
NameMap read_name_map(const std::filesystem::path& file);

/// TOML text as JSON. Throws InputError with the line, or where this build has no TOML library.
std::string toml_as_json(std::string_view text, const std::string& file);

}  // namespace plumbline
