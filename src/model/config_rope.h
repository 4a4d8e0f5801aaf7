// SPDX-License-Identifier: Apache-2.0
// The keys of config.json that say how positions turn: old ones (rope_theta, rope_scaling) and new ones
// (rope_parameters holds both). Invariant: no key that changes an angle is skipped. Left to others: every other key.
#pragma once
#include <optional>

#include <plumbline/op_graph.h>

#include "model/config_keys.h"

namespace plumbline {

/// `otherwise` is what an absent key means; 0: nothing. Throws CheckpointError if the key is missing or the two
/// spellings differ.
double read_rope_theta(const ConfigKeys& keys, double otherwise);

/// Nothing for rope_type "default" or no scaling at all. `max_positions` is what llama3's original length is if no key
/// gives it. Throws CheckpointError naming key and value for every other type of scaling, for members that are missing
/// or out of range, and where the two spellings differ.
std::optional<RopeScaling> read_rope_scaling(const ConfigKeys& keys, int64_t max_positions);

}  // namespace plumbline
