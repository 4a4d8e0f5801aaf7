// SPDX-License-Identifier: Apache-2.0
// What a checkpoint of this config has to hold, from the config alone: the loader's list, and a test's oracle.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <plumbline/model.h>

namespace plumbline {

struct ParameterSpec {
  std::string name;
  Shape shape;
};

/// Every parameter that the model uses, in checkpoint order; a tied head is not among them.
/// Throws CheckpointError for an architecture that no builder knows.
std::vector<ParameterSpec> expected_parameters(const ModelConfig& config);

/// A stored tensor whose rows are several parameters of the graph, one after the other.
struct PackedParameter {
  std::string name;
  std::vector<std::pair<std::string, int64_t>> parts;  ///< name and rows of each
};

/// Of families that pack: each in checkpoint order, its parts in the order of their rows.
std::vector<PackedParameter> packed_parameters(const ModelConfig& config);

/// The head's own name and shape: expected if untied, allowed beside the embedding if tied.
ParameterSpec head_parameter(const ModelConfig& config);

/// A buffer that older checkpoints store and every loader computes anew.
inline bool is_computed_buffer(std::string_view name) { return name.ends_with("rotary_emb.inv_freq"); }

}  // namespace plumbline
