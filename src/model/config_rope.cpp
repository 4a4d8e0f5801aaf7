// SPDX-License-Identifier: Apache-2.0
// Source of names, defaults and precedence: transformers, modeling_rope_utils (standardize_rope_params, llama3).
#include "model/config_rope.h"

namespace plumbline {
namespace {

constexpr const char* kOriginal = "original_max_position_embeddings";

/// "rope_type", or its older name "type"; "" if neither stands there.
std::string type_key(const ConfigKeys& rope) {
  for (const char* key : {"rope_type", "type"}) {
    if (rope.find(key) != nullptr) return key;
  }
  return "";
}

void refuse_partial_rotation(const ConfigKeys& keys) {
  const char* key = "partial_rotary_factor";
  if (keys.find(key) != nullptr && keys.positive(key) != 1.0) {
    keys.unsupported(key, "absent or 1", "use a checkpoint that rotates whole heads");
  }
}

/// A length given beside the rope keys goes before one inside them, as in transformers: both must agree here.
double original_positions(const ConfigKeys& keys, const ConfigKeys& rope, int64_t max_positions) {
  const bool outside = keys.find(kOriginal) != nullptr, inside = rope.find(kOriginal) != nullptr;
  if (!outside && !inside) return static_cast<double>(max_positions);
  const int64_t length = (inside ? rope : keys).extent(kOriginal, kMostPositions);
  if (inside && outside && keys.extent(kOriginal, kMostPositions) != length) {
    keys.unsupported(kOriginal, "the value inside the rope keys", "remove the key that is wrong");
  }
  return static_cast<double>(length);
}

RopeScaling read_llama3(const ConfigKeys& keys, const ConfigKeys& rope, int64_t max_positions) {
  const RopeScaling scaling{rope.positive("factor"), rope.positive("low_freq_factor"),
                            rope.positive("high_freq_factor"), original_positions(keys, rope, max_positions)};
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    rope.unsupported("high_freq_factor", "a number above low_freq_factor", "correct the key that is wrong");
  }
  return scaling;
}

/// One of the two objects.
std::optional<RopeScaling> read_object(const ConfigKeys& keys, const ConfigKeys& rope, int64_t max_positions) {
  refuse_partial_rotation(rope);
  const std::string key = type_key(rope);
  const std::string type = key.empty() ? "default" : rope.text(key);
  if (!key.empty() && rope.find("type") != nullptr && rope.text("type") != type) {
    rope.unsupported("type", "the value of rope_type", "remove the key that is wrong");
  }
  if (type == "llama3") return read_llama3(keys, rope, max_positions);
  if (type != "default") {
    rope.unsupported(key, "\"default\", \"llama3\"", "use a checkpoint with one of these kinds of rope scaling");
  }
  if (rope.find("factor") != nullptr && rope.positive("factor") != 1.0) {
    rope.unsupported("factor", "absent or 1 where rope_type is absent or \"default\"", "say which rope_type is meant");
  }
  return std::nullopt;
}

}  // namespace

double read_rope_theta(const ConfigKeys& keys, double otherwise) {
  const std::optional<ConfigKeys> parameters = keys.object("rope_parameters");
  const bool is_new = parameters && parameters->find("rope_theta") != nullptr;
  if (!is_new && keys.find("rope_theta") == nullptr && otherwise > 0.0) return otherwise;
  if (!is_new) return keys.positive("rope_theta");
  const double theta = parameters->positive("rope_theta");
  if (keys.find("rope_theta") != nullptr && keys.positive("rope_theta") != theta) {
    keys.unsupported("rope_theta", "the value of rope_parameters.rope_theta", "remove the key that is wrong");
  }
  return theta;
}

std::optional<RopeScaling> read_rope_scaling(const ConfigKeys& keys, int64_t max_positions) {
  refuse_partial_rotation(keys);
  const std::optional<ConfigKeys> old_keys = keys.object("rope_scaling"), new_keys = keys.object("rope_parameters");
  std::optional<RopeScaling> of_old, of_new;
  if (old_keys) {
    of_old = read_object(keys, *old_keys, max_positions);
    if (type_key(*old_keys).empty()) {
      keys.unsupported("rope_scaling", "null, or an object with rope_type", "say which rope_type is meant");
    }
  }
  if (new_keys) of_new = read_object(keys, *new_keys, max_positions);
  if (old_keys && new_keys && of_old != of_new) {
    keys.unsupported("rope_scaling", "what rope_parameters says", "remove the key that is wrong");
  }
  return old_keys ? of_old : of_new;
}

}  // namespace plumbline
