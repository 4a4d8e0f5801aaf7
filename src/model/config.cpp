// SPDX-License-Identifier: Apache-2.0
// Defaults of absent keys: family.h. Rope keys: config_rope.cpp.
#include "model/config.h"

#include <plumbline/error.h>

#include "model/config_keys.h"
#include "model/config_rope.h"
#include "model/config_windows.h"
#include "model/family.h"

namespace plumbline {
namespace {

const Family& read_architecture(const ConfigKeys& keys) {
  const nlohmann::json* list = keys.find("architectures");
  if (list == nullptr) keys.missing("architectures");
  if (!list->is_array() || list->size() != 1 || !list->front().is_string()) {
    keys.wrong_type("architectures", "a list of one text");
  }
  const std::string name = list->front().get<std::string>();
  const Family* family = find_family(name);
  if (family == nullptr)
    keys.unsupported("architectures", "one of " + known_architectures(),
                     "compare its runs value by value, as recorded by their own software: `plumbline diff REF CAND "
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

int64_t read_kv_heads(const ConfigKeys& keys, const Family& family, int64_t heads) {
  const char* const key = "num_key_value_heads";
  const int64_t otherwise = keys.absent(key) && family.kv_heads != 0 ? family.kv_heads : heads;
  const int64_t kv_heads = keys.find(key) != nullptr ? keys.extent(key, kMostHeads) : otherwise;
  if (heads % kv_heads == 0) return kv_heads;
  keys.unsupported(key,
                   "a divisor of num_attention_heads, " + std::to_string(heads) +
                       (keys.absent(key) ? " (without the key its class means " + std::to_string(kv_heads) + ")" : ""),
                   "correct the key");
}

void read_biases(const ConfigKeys& keys, const Family& family, ModelConfig& config) {
  switch (family.biases) {
    case Biases::attention_and_mlp: config.mlp_bias = keys.flag("mlp_bias", false); [[fallthrough]];
    case Biases::attention: config.attention_bias = keys.flag("attention_bias", false); break;
    case Biases::use_bias: config.attention_bias = config.mlp_bias = keys.flag("use_bias", false); break;
    case Biases::qkv_always: config.attention_bias = true; break;
    case Biases::none: break;
  }
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

/// Gemma's classes read hidden_activation; their older checkpoints have both keys.
void check_activation(const ConfigKeys& keys, const Family& family) {
  const std::string known = family.activation == Activation::silu ? "silu" : "gelu_pytorch_tanh";
  for (const char* const key : {"hidden_act", "hidden_activation"}) {
    const bool read = key == std::string_view("hidden_act") || family.activation != Activation::silu;
    if (read && keys.find(key) != nullptr && keys.text(key) != known)
      keys.unsupported(key, "\"" + known + "\"", "use a model with that activation");
  }
}

/// A soft cap: 0 if the key is null.
double read_cap(const ConfigKeys& keys, const std::string& key, double otherwise) {
  if (keys.absent(key)) return otherwise;
  return keys.find(key) == nullptr ? 0.0 : keys.positive(key);
}

/// Caps and the scale of the scores; what the family's class ignores must not stand there.
void read_scores(const ConfigKeys& keys, const Family& family, ModelConfig& config) {
  const std::string scores = "attn_logit_softcapping", logits = "final_logit_softcapping";
  if (family.caps_scores) config.score_cap = read_cap(keys, scores, family.score_cap);
  if (!family.caps_scores && keys.find(scores) != nullptr)
    keys.unsupported(scores, "null, since transformers' class does not apply it", "use a checkpoint without it");
  if (family.activation == Activation::gelu_tanh) {
    config.logit_cap = read_cap(keys, logits, family.logit_cap);
  } else if (keys.find(logits) != nullptr) {
    keys.unsupported(logits, "null in this family", "use a checkpoint without it");
  }
  if (family.query_scalar == 0) return;
  const char* const scalar = "query_pre_attn_scalar";
  config.query_scalar = keys.find(scalar) != nullptr ? keys.positive(scalar) : static_cast<double>(family.query_scalar);
}

void refuse_unknown_arithmetic(const ConfigKeys& keys) {
  if (keys.flag("use_bidirectional_attention", false))
    keys.unsupported("use_bidirectional_attention", "false", "use a checkpoint with causal attention");
  if (keys.find("quantization_config") != nullptr) {
    keys.unsupported("quantization_config", "absent", "use the checkpoint before quantisation");
  }
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
  check_activation(keys, family);
  config.hidden = keys.extent("hidden_size", kLargestWidth);
  config.layers = keys.extent("num_hidden_layers", kMostLayers);
  config.heads = keys.extent("num_attention_heads", kMostHeads);
  config.kv_heads = read_kv_heads(keys, family, config.heads);
  config.head_dim = read_head_dim(keys, family, config.hidden, config.heads);
  config.intermediate = keys.extent("intermediate_size", kLargestWidth);
  config.vocab = keys.extent("vocab_size", kLargestVocab);
  config.max_positions = keys.find("max_position_embeddings") != nullptr
                             ? keys.extent("max_position_embeddings", int64_t{1} << 40)
                             : family.max_positions;
  config.rope_theta = read_rope_theta(keys, family);
  config.rotary_dim = read_rotary_dim(keys, family, config.head_dim);
  const int64_t rotated = config.rotary_dim != 0 ? config.rotary_dim : config.head_dim;
  config.rope_scaling = read_rope_scaling({keys, family, config.max_positions, rotated});
  config.local_rope_theta = read_local_rope_theta(keys, family);
  config.rms_eps = keys.positive("rms_norm_eps");
  config.tied = keys.flag("tie_word_embeddings", family.tied);
  read_biases(keys, family, config);
  config.windows = read_windows(keys, family, config.layers);
  read_scores(keys, family, config);
  config.dtype = read_dtype(keys);
  config.json = std::move(json);
  return config;
}

}  // namespace plumbline
