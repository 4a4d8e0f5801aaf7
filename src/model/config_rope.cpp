// SPDX-License-Identifier: Apache-2.0
// Source of names, defaults and precedence: transformers, modeling_rope_utils (standardize_rope_params, llama3, linear,
// longrope), Phi3Config and Gemma3TextConfig (convert_rope_params_to_dict).
#include "model/config_rope.h"

#include <cmath>

namespace plumbline {
namespace {

constexpr const char *kOfAll = "full_attention", *kOfWindows = "sliding_attention";
constexpr const char* kOriginal = "original_max_position_embeddings";

/// "rope_type", or its older name "type"; "" if neither stands there.
std::string type_key(const ConfigKeys& rope) {
  for (const char* key : {"rope_type", "type"}) {
    if (rope.find(key) != nullptr) return key;
  }
  return "";
}

void refuse_partial_rotation(const ConfigKeys& keys, const Family& family) {
  const char* key = "partial_rotary_factor";
  if (!family.rotates_partly && keys.find(key) != nullptr && keys.positive(key) != 1.0) {
    keys.unsupported(key, "absent or 1", "use a checkpoint that rotates whole heads");
  }
}

/// A length given beside the rope keys goes before one inside them, as in transformers: both must agree here.
double original_positions(const ConfigKeys& keys, const ConfigKeys& rope, int64_t otherwise) {
  const bool outside = keys.find(kOriginal) != nullptr, inside = rope.find(kOriginal) != nullptr;
  if (!outside && !inside) return static_cast<double>(otherwise);
  const int64_t length = (inside ? rope : keys).extent(kOriginal, kMostPositions);
  if (inside && outside && keys.extent(kOriginal, kMostPositions) != length) {
    keys.unsupported(kOriginal, "the value inside the rope keys", "remove the key that is wrong");
  }
  return static_cast<double>(length);
}

RopeScaling read_llama3(const ConfigKeys& keys, const ConfigKeys& rope, int64_t max_positions) {
  RopeScaling scaling;
  scaling.factor = rope.positive("factor");
  scaling.low_freq_factor = rope.positive("low_freq_factor");
  scaling.high_freq_factor = rope.positive("high_freq_factor");
  scaling.original_positions = original_positions(keys, rope, max_positions);
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    rope.unsupported("high_freq_factor", "a number above low_freq_factor", "correct the key that is wrong");
  }
  return scaling;
}

/// One factor above 0 for each rotated pair.
std::vector<double> read_factors(const ConfigKeys& rope, const std::string& key, int64_t rotary_dim) {
  const nlohmann::json* list = rope.find(key);
  const std::string expected =
      "a list of " + std::to_string(rotary_dim / 2) + " numbers above 0, one for each rotated pair";
  if (list == nullptr) rope.missing(key);
  if (!list->is_array() || static_cast<int64_t>(list->size()) * 2 != rotary_dim) rope.wrong_type(key, expected);
  std::vector<double> factors;
  for (const nlohmann::json& factor : *list) {
    if (!factor.is_number() || !std::isfinite(factor.get<double>()) || factor.get<double>() <= 0.0)
      rope.wrong_type(key, expected);
    factors.push_back(factor.get<double>());
  }
  return factors;
}

RopeScaling read_longrope(const RopeKeys& in, const ConfigKeys& rope) {
  RopeScaling scaling;
  scaling.kind = RopeScaling::Kind::longrope;
  scaling.original_positions = original_positions(in.keys, rope, in.family.original_positions);
  scaling.short_factors = read_factors(rope, "short_factor", in.rotary_dim);
  scaling.long_factors = read_factors(rope, "long_factor", in.rotary_dim);
  const double stretch = rope.find("factor") != nullptr
                             ? rope.positive("factor")
                             : static_cast<double>(in.max_positions) / scaling.original_positions;
  if (rope.find("attention_factor") != nullptr) {
    scaling.attention_factor = rope.positive("attention_factor");
  } else if (stretch > 1.0) {
    scaling.attention_factor = std::sqrt(1.0 + std::log(stretch) / std::log(scaling.original_positions));
  }
  return scaling;
}

/// "su" and "yarn" are older names of Phi-3's longrope.
bool is_longrope(const Family& family, const std::string& type) {
  return family.rotates_partly && (type == "longrope" || type == "su" || type == "yarn");
}

/// One of the two objects.
std::optional<RopeScaling> read_object(const RopeKeys& in, const ConfigKeys& rope) {
  refuse_partial_rotation(rope, in.family);
  const std::string key = type_key(rope);
  const std::string type = key.empty() ? "default" : rope.text(key);
  if (!key.empty() && rope.find("type") != nullptr && rope.text("type") != type) {
    rope.unsupported("type", "the value of rope_type", "remove the key that is wrong");
  }
  if (is_longrope(in.family, type)) return read_longrope(in, rope);
  if (type == "llama3" && !in.family.rotates_partly) return read_llama3(in.keys, rope, in.max_positions);
  if (type == "linear" && !in.family.rotates_partly) return linear_scaling(rope.positive("factor"));
  if (type != "default") {
    rope.unsupported(key,
                     in.family.rotates_partly ? "\"default\", \"longrope\"" : "\"default\", \"llama3\", \"linear\"",
                     "use a checkpoint with one of these kinds of rope scaling");
  }
  if (rope.find("factor") != nullptr && rope.positive("factor") != 1.0) {
    rope.unsupported("factor", "absent or 1 where rope_type is absent or \"default\"", "say which rope_type is meant");
  }
  return std::nullopt;
}

/// rope_parameters; where layers with a window have a table of their own, the object in it for one sort of layers.
std::optional<ConfigKeys> new_keys_of(const ConfigKeys& keys, const Family& family, const char* layers) {
  std::optional<ConfigKeys> parameters = keys.object("rope_parameters");
  if (!parameters || family.local_rope_theta == 0.0) return parameters;
  for (const char* const key : {"rope_theta", "rope_type"}) {
    if (parameters->find(key) != nullptr)
      parameters->unsupported(key, "full_attention and sliding_attention, an object each",
                              "say which layers are meant");
  }
  return parameters->object(layers);
}

}  // namespace

double read_rope_theta(const ConfigKeys& keys, const Family& family) {
  const std::optional<ConfigKeys> parameters = new_keys_of(keys, family, kOfAll);
  const bool is_new = parameters && parameters->find("rope_theta") != nullptr;
  if (!is_new && keys.find("rope_theta") == nullptr && family.rope_theta > 0.0) return family.rope_theta;
  if (!is_new) return keys.positive("rope_theta");
  const double theta = parameters->positive("rope_theta");
  if (keys.find("rope_theta") != nullptr && keys.positive("rope_theta") != theta) {
    keys.unsupported("rope_theta", "the value of rope_parameters.rope_theta", "remove the key that is wrong");
  }
  return theta;
}

double read_local_rope_theta(const ConfigKeys& keys, const Family& family) {
  const char* const key = "rope_local_base_freq";
  if (family.local_rope_theta == 0.0) return 0.0;
  const double stated = keys.find(key) != nullptr ? keys.positive(key) : family.local_rope_theta;
  const std::optional<ConfigKeys> parameters = new_keys_of(keys, family, kOfWindows);
  if (!parameters) return stated;
  if (read_object({keys, family, 0, 0}, *parameters))
    parameters->unsupported(type_key(*parameters), "\"default\"", "use a checkpoint that scales full_attention alone");
  if (parameters->find("rope_theta") == nullptr) return stated;
  if (keys.find(key) != nullptr && parameters->positive("rope_theta") != stated)
    keys.unsupported(key, "the value of rope_parameters.sliding_attention.rope_theta", "remove the key that is wrong");
  return parameters->positive("rope_theta");
}

int64_t read_rotary_dim(const ConfigKeys& keys, const Family& family, int64_t head_dim) {
  const std::string key = "partial_rotary_factor";
  if (!family.rotates_partly) return 0;
  double share = keys.find(key) != nullptr ? keys.positive(key) : 1.0;
  for (const char* const object : {"rope_scaling", "rope_parameters"}) {
    const std::optional<ConfigKeys> rope = keys.object(object);
    if (rope && rope->find(key) != nullptr) share = rope->positive(key);
  }
  const auto channels = static_cast<int64_t>(static_cast<double>(head_dim) * share);
  if (share > 1.0 || channels < 2 || channels % 2 != 0)
    keys.unsupported(key,
                     "a share of head_dim, " + std::to_string(head_dim) + ", that gives an even number of channels",
                     "correct the key");
  return channels == head_dim ? 0 : channels;
}

std::optional<RopeScaling> read_rope_scaling(const RopeKeys& in) {
  const ConfigKeys& keys = in.keys;
  refuse_partial_rotation(keys, in.family);
  const std::optional<ConfigKeys> old_keys = keys.object("rope_scaling"),
                                  new_keys = new_keys_of(keys, in.family, kOfAll);
  std::optional<RopeScaling> of_old, of_new;
  if (old_keys) {
    of_old = read_object(in, *old_keys);
    if (type_key(*old_keys).empty()) {
      keys.unsupported("rope_scaling", "null, or an object with rope_type", "say which rope_type is meant");
    }
  }
  if (new_keys) of_new = read_object(in, *new_keys);
  if (old_keys && new_keys && of_old != of_new) {
    keys.unsupported("rope_scaling", "what rope_parameters says", "remove the key that is wrong");
  }
  return old_keys ? of_old : of_new;
}

}  // namespace plumbline
