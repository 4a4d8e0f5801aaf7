// SPDX-License-Identifier: Apache-2.0
// The keys of config.json that say how positions turn: old ones (rope_theta, rope_scaling) and new ones
// (rope_parameters holds both). Invariant: no key that changes an angle is skipped. Left to others: every other key.
#pragma once
#include <optional>

#include <plumbline/op_graph.h>

#include "model/config_keys.h"
#include "model/family.h"

namespace plumbline {

/// Throws CheckpointError if the key is missing where the family has no default, or the two spellings differ.
double read_rope_theta(const ConfigKeys& keys, const Family& family);

/// Of layers with a window, where they have a table of their own; 0: they have not. Throws CheckpointError where the
/// two spellings differ and for scaling, which no class has there.
double read_local_rope_theta(const ConfigKeys& keys, const Family& family);

/// How many channels of a head are rotated; 0: all. Throws CheckpointError for a share that gives no pairs.
int64_t read_rotary_dim(const ConfigKeys& keys, const Family& family, int64_t head_dim);

struct RopeKeys {
  const ConfigKeys& keys;
  const Family& family;
  int64_t max_positions;  ///< what llama3's original length is if no key gives it
  int64_t rotary_dim;     ///< rotated channels of a head, all or not: longrope has a factor for each pair of them
};

/// Nothing for rope_type "default" or no scaling at all. Throws CheckpointError naming key and value for every other
/// type of scaling, for members that are missing or out of range, and where the two spellings differ.
std::optional<RopeScaling> read_rope_scaling(const RopeKeys& in);

}  // namespace plumbline
