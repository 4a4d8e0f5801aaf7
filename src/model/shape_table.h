// SPDX-License-Identifier: Apache-2.0
// Shapes of published models as their config.json, by name; or of any config.json given by path.
#pragma once
#include <string>
#include <vector>

namespace plumbline {

/// config.json of the shape, and whether its checkpoint stores a tied head a second time (as Qwen3-0.6B's does).
struct NamedShape {
  std::string name;
  std::string config_json;
  bool stores_tied_head = false;
};

const std::vector<NamedShape>& named_shapes();
/// A name of the table, or the path of a config.json. Throws UsageError with near-misses for a name that is neither,
/// CheckpointError for a file that cannot be read.
NamedShape find_shape(const std::string& name_or_file);

}  // namespace plumbline
