// SPDX-License-Identifier: Apache-2.0
// From a file to a map.
#include "gate/map_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <plumbline/error.h>

#include <fstream>
#include <sstream>

namespace plumbline {

NameMap read_name_map(const std::filesystem::path& path) {
  const std::string file = path.string();
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (!std::filesystem::is_regular_file(path) || !stream || !(text << stream.rdbuf()))
    throw InputError(
        fmt::format("--map {}: it is no preset and no file that can be read", file), {},
        fmt::format("presets are hf, {}; or name a TOML or JSON file", fmt::join(name_map_presets(), ", ")));
  if (path.extension() == ".json") return parse_name_map(text.str(), file);
  return parse_name_map(toml_as_json(text.str(), file), file);
}

}  // namespace plumbline
