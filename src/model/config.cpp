// SPDX-License-Identifier: Apache-2.0
// Defaults of absent keys: family.h. Rope keys: config_rope.cpp.
#include "model/config.h"

#include <plumbline/error.h>

#include "model/config_keys.h"
#include "model/config_rope.h"
#include "model/family.h"

namespace plumbline {
namespace {

// Extents are bounded so that no product of two of them, in bytes, overflows 64 bits.
constexpr int64_t kMostLayers = 10'000, kMostHeads = 1 << 16, kLargestWidth = 1 << 24, kLargestVocab = 1 << 30;

const Family& read_architecture(const ConfigKeys& keys) {
  const nlohmann::json* list = keys.find("architectures");
  if (list == nullptr) keys.missing("architectures");
  if (!list->is_array() || list->size() != 1 || !list->front().is_string()) {
    keys.wrong_type("architectures", "a list of one text");
  }
  const std::string name = list->front().get<std::string>();
  const Family* family = find_family(name);
  if (family == nullptr)
    keys.unsupported(
        "architectures", "one of " + known_architectures(),
        name.starts_with("Ernie4_5")
            ? "this version writes ERNIE 4.5 checkpoints (make-model) but runs none: a later one will"
            : "compare its runs value by value, as recorded by their own software: `plumbline diff REF CAND "
              "--values-only`");
  const std::string type(family->model_type);
  if (keys.find("model_type") != nullptr && keys.text("model_type") != type) {
    keys.unsupported("model_type", "\"" + type + "\", as architectures says", "correct the key that is wrong");
  }
  return *family;
}

/// A null key means what an absent one means in most families, but for Qwen3 (its class has a number as default).
int64_t read_head_dim(const ConfigKeys& keys, const Family& family, int64_t hidden, int64_t heads) {
  if (keys.absent("head_dim") && family.head_dim != 0) return family.head_dim;
  int64_t head_dim = 0;
  if (keys.find("head_dim") != nullptr) {
    head_dim = keys.extent("head_dim", kMostHeads);
  } else if (hidden % heads == 0) {
    head_dim = hidden / heads;
  }
  if (head_dim == 0 || head_dim % 2 != 0) {
    keys.unsupported("head_dim", "an even number (rotation takes pairs)", "give the number that the weights have");
  }
  return head_dim;
}

DType read_dtype(const ConfigKeys& keys) {
  const bool is_new = keys.find("dtype") != nullptr;
  if (!is_new && keys.find("torch_dtype") == nullptr) keys.missing("torch_dtype");
  const std::string key = is_new ? "dtype" : "torch_dtype";
  if (is_new && keys.find("torch_dtype") != nullptr && keys.text("torch_dtype") != keys.text("dtype")) {
    keys.unsupported("torch_dtype", "the value of dtype", "remove the key that is wrong");
  }
  const std::string name = keys.text(key);
  if (name == "bfloat16") return DType::bf16;
  if (name == "float16") return DType::f16;
  if (name == "float32") return DType::f32;
  keys.unsupported(key, "\"bfloat16\", \"float16\", \"float32\"", "convert the checkpoint");
}

void refuse_windows(const ConfigKeys& keys) {
  if (keys.flag("use_sliding_window", false)) {
    keys.unsupported("use_sliding_window", "false", "use a checkpoint with full attention");
  }
  const nlohmann::json* types = keys.find("layer_types");
  if (types == nullptr) return;
  if (!types->is_array()) keys.wrong_type("layer_types", "a list of texts");
  for (const nlohmann::json& type : *types) {
    if (!type.is_string()) keys.wrong_type("layer_types", "a list of texts");
    if (type != "full_attention") {
      keys.unsupported("layer_types", "\"full_attention\" in every layer", "use a checkpoint with full attention");
    }
  }
}

void refuse_unknown_arithmetic(const ConfigKeys& keys) {
  if (keys.find("hidden_act") != nullptr && keys.text("hidden_act") != "silu") {
    keys.unsupported("hidden_act", "\"silu\"", "use a model with that activation");
  }
  if (keys.find("quantization_config") != nullptr) {
    keys.unsupported("quantization_config", "absent", "use the checkpoint before quantisation");
  }
  refuse_windows(keys);
}

}  // namespace

ModelConfig parse_config(std::string json, const std::filesystem::path& file) {
  nlohmann::json parsed;
  try {
    parsed = parse_strict_json(json);
  } catch (const JsonProblem& problem) {
    throw CheckpointError("cannot load the model: config.json is not usable JSON",
                          {"file  " + file.string(), problem.what()}, "fetch the file again");
  }
  if (!parsed.is_object()) {
    throw CheckpointError("cannot load the model: config.json holds no object",
                          {"file   " + file.string(), "found  " + std::string(json_type(parsed))},
                          "fetch the file again");
  }
  const ConfigKeys keys(parsed, file);
  ModelConfig config;
  const Family& family = read_architecture(keys);
  config.architecture = family.architecture;
  refuse_unknown_arithmetic(keys);
  config.hidden = keys.extent("hidden_size", kLargestWidth);
  config.layers = keys.extent("num_hidden_layers", kMostLayers);
  config.heads = keys.extent("num_attention_heads", kMostHeads);
  config.kv_heads =
      keys.find("num_key_value_heads") != nullptr ? keys.extent("num_key_value_heads", kMostHeads) : config.heads;
  if (config.heads % config.kv_heads != 0) {
    keys.unsupported("num_key_value_heads", "a divisor of num_attention_heads, " + std::to_string(config.heads),
                     "correct the key");
  }
  config.head_dim = read_head_dim(keys, family, config.hidden, config.heads);
  config.intermediate = keys.extent("intermediate_size", kLargestWidth);
  config.vocab = keys.extent("vocab_size", kLargestVocab);
  config.max_positions = keys.find("max_position_embeddings") != nullptr
                             ? keys.extent("max_position_embeddings", int64_t{1} << 40)
                             : family.max_positions;
  config.rope_theta = read_rope_theta(keys, family.rope_theta);
  config.rope_scaling = read_rope_scaling(keys, config.max_positions);
  config.rms_eps = keys.positive("rms_norm_eps");
  config.tied = keys.flag("tie_word_embeddings", false);
  config.attention_bias = keys.flag("attention_bias", false);
  config.mlp_bias = family.reads_mlp_bias && keys.flag("mlp_bias", false);
  config.dtype = read_dtype(keys);
  config.json = std::move(json);
  return config;
}

}  // namespace plumbline
