// SPDX-License-Identifier: Apache-2.0
// What the tensors of a checkpoint must be for a config: every parameter present, of the shape and dtype that the
// config implies, and nothing left over. Each broken rule has its own message.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "model/weight_files.h"

namespace plumbline {

struct CheckedWeights {
  Parameters parameters;           ///< exactly those that the config implies
  std::vector<std::string> notes;  ///< dead buffers ignored, a tied head stored too
};

/// Throws CheckpointError (file, tensor, both values, way out) at the first broken rule.
CheckedWeights check_weights(const ModelConfig& config, const WeightFiles& weights,
                             const std::filesystem::path& directory);

}  // namespace plumbline
