// SPDX-License-Identifier: Apache-2.0
// The families that are known, and what builds an architecture's graph. A new family adds a row here, and a builder of
// its own if its ops are others than the decoder's.
#include <array>

#include <plumbline/error.h>

#include "model/decoder.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

// Sources: transformers' Qwen3Config, LlamaConfig, Qwen2Config, MistralConfig and Ernie4_5Config. Published Llama 2
// checkpoints lack rope_theta and mean 1e4; no Qwen3 or Qwen2 means its class's 1e4, so there the key must stand;
// MistralConfig's 1e4 is that of the first Mistral.
constexpr Family kErnie = {.architecture = "Ernie4_5ForCausalLM",
                           .model_type = "ernie4_5",
                           .head_dim = 128,
                           .kv_heads = 2,
                           .max_positions = 131'072,
                           .rope_theta = 5e5,
                           .tied = true,
                           .qk_norm = false,
                           .rotates_in_f32 = true,
                           .biases = Biases::use_bias,
                           .windows = Windows::none,
                           .window = 0};

/// The same family under another name.
constexpr Family renamed(Family family, std::string_view architecture) {
  family.architecture = architecture;
  return family;
}

constexpr std::array<Family, 6> kFamilies = {{
    {.architecture = "Qwen3ForCausalLM",
     .model_type = "qwen3",
     .head_dim = 128,
     .kv_heads = 32,
     .max_positions = 32'768,
     .rope_theta = 0.0,
     .tied = false,
     .qk_norm = true,
     .rotates_in_f32 = false,
     .biases = Biases::attention,
     .windows = Windows::upper,
     .window = 4096},
    {.architecture = "LlamaForCausalLM",
     .model_type = "llama",
     .head_dim = 0,
     .kv_heads = 0,
     .max_positions = 2'048,
     .rope_theta = 1e4,
     .tied = false,
     .qk_norm = false,
     .rotates_in_f32 = false,
     .biases = Biases::attention_and_mlp,
     .windows = Windows::none,
     .window = 0},
    {.architecture = "Qwen2ForCausalLM",
     .model_type = "qwen2",
     .head_dim = 0,
     .kv_heads = 32,
     .max_positions = 32'768,
     .rope_theta = 0.0,
     .tied = false,
     .qk_norm = false,
     .rotates_in_f32 = false,
     .biases = Biases::qkv_always,
     .windows = Windows::upper,
     .window = 4096},
    {.architecture = "MistralForCausalLM",
     .model_type = "mistral",
     .head_dim = 0,
     .kv_heads = 8,
     .max_positions = 131'072,
     .rope_theta = 1e4,
     .tied = false,
     .qk_norm = false,
     .rotates_in_f32 = false,
     .biases = Biases::none,
     .windows = Windows::all,
     .window = 4096},
    kErnie,
    renamed(kErnie, "Ernie4_5_ForCausalLM"),  // checkpoints whose code came with them
}};

const Family& family_of(const ModelConfig& config) {
  if (const Family* family = find_family(config.architecture)) return *family;
  throw CheckpointError(
      "no builder knows this architecture",
      {"architecture  '" + printable(config.architecture) + "'", "known         " + known_architectures()},
      "use a model of a known architecture");
}

}  // namespace

const Family* find_family(std::string_view architecture) {
  for (const Family& family : kFamilies) {
    if (family.architecture == architecture) return &family;
  }
  return nullptr;
}

std::string known_architectures() {
  std::string known;
  for (const Family& family : kFamilies) known.append(known.empty() ? "" : ", ").append(family.architecture);
  return known;
}

OpGraph build_graph(const ModelConfig& config) {
  OpGraph graph = build_decoder(config, family_of(config));
  validate(graph);
  return graph;
}

std::vector<ParameterSpec> expected_parameters(const ModelConfig& config) {
  return decoder_parameters(config, family_of(config));
}

ParameterSpec head_parameter(const ModelConfig& config) { return {"lm_head.weight", {config.vocab, config.hidden}}; }

}  // namespace plumbline
