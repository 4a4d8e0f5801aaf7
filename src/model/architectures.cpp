// SPDX-License-Identifier: Apache-2.0
// The families that are known, and what builds an architecture's graph. A new family adds a row here, and a builder of
// its own if its ops are others than the decoder's.
#include <array>

#include <plumbline/error.h>

#include "model/decoder.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

// Sources: transformers' Qwen3Config, LlamaConfig, Qwen2Config, MistralConfig, Ernie4_5Config, Olmo2Config,
// Olmo3Config, Gemma2Config, Gemma3TextConfig and Phi3Config. Published Llama 2 checkpoints lack rope_theta and mean
// 1e4; no Qwen3, Qwen2 or OLMo 2 means its class's 1e4, so there the key must stand; MistralConfig's 1e4 is that of the
// first Mistral.
constexpr Family kErnie = {.architecture = "Ernie4_5ForCausalLM",
                           .model_type = "ernie4_5",
                           .head_dim = 128,
                           .kv_heads = 2,
                           .max_positions = 131'072,
                           .rope_theta = 5e5,
                           .tied = true,
                           .rotation = Rotation::neighbours_f32,
                           .biases = Biases::use_bias};

constexpr Family kGemma2 = {.architecture = "Gemma2ForCausalLM",
                            .model_type = "gemma2",
                            .head_dim = 256,
                            .kv_heads = 4,
                            .max_positions = 8'192,
                            .rope_theta = 1e4,
                            .tied = true,
                            .norms = Norms::around,
                            .norm_contract = "rmsnorm/gemma",
                            .activation = Activation::gelu_tanh,
                            .biases = Biases::attention,
                            .windows = Windows::periodic,
                            .window = 4096,
                            .window_period = 2,
                            .embeds_scaled = true,
                            .query_scalar = 256,
                            .caps_scores = true,
                            .score_cap = 50.0,
                            .logit_cap = 30.0};

/// The same family under another name.
constexpr Family renamed(Family family, std::string_view architecture) {
  family.architecture = architecture;
  return family;
}

constexpr Family gemma3() {
  Family family = renamed(kGemma2, "Gemma3ForCausalLM");
  family.model_type = "gemma3_text";
  family.max_positions = 131'072;
  family.rope_theta = 1e6;
  family.local_rope_theta = 1e4;
  family.head_norms = HeadNorms::each;
  family.window_period = 6;
  family.caps_scores = false;
  family.score_cap = family.logit_cap = 0.0;
  return family;
}

constexpr Family kOlmo2 = {.architecture = "Olmo2ForCausalLM",
                           .model_type = "olmo2",
                           .max_positions = 2'048,
                           .norms = Norms::behind,
                           .head_norms = HeadNorms::whole,
                           .norm_contract = "rmsnorm/olmo",
                           .rotation = Rotation::halves_f32,
                           .biases = Biases::attention};

/// Layers with a window have the class's rope base, whatever the others' is.
constexpr Family olmo3() {
  Family family = renamed(kOlmo2, "Olmo3ForCausalLM");
  family.model_type = "olmo3";
  family.rope_theta = family.local_rope_theta = 5e5;
  family.windows = Windows::periodic;
  family.window = 4096;
  family.window_period = 4;
  return family;
}

constexpr std::array<Family, 11> kFamilies = {{
    {.architecture = "Qwen3ForCausalLM",
     .model_type = "qwen3",
     .head_dim = 128,
     .kv_heads = 32,
     .max_positions = 32'768,
     .head_norms = HeadNorms::each,
     .biases = Biases::attention,
     .windows = Windows::upper,
     .window = 4096},
    {.architecture = "LlamaForCausalLM",
     .model_type = "llama",
     .max_positions = 2'048,
     .rope_theta = 1e4,
     .biases = Biases::attention_and_mlp},
    {.architecture = "Qwen2ForCausalLM",
     .model_type = "qwen2",
     .kv_heads = 32,
     .max_positions = 32'768,
     .biases = Biases::qkv_always,
     .windows = Windows::upper,
     .window = 4096},
    {.architecture = "MistralForCausalLM",
     .model_type = "mistral",
     .kv_heads = 8,
     .max_positions = 131'072,
     .rope_theta = 1e4,
     .windows = Windows::all,
     .window = 4096},
    kErnie,
    renamed(kErnie, "Ernie4_5_ForCausalLM"),  // checkpoints whose code came with them
    kOlmo2,
    olmo3(),
    kGemma2,
    gemma3(),
    {.architecture = "Phi3ForCausalLM",
     .model_type = "phi3",
     .max_positions = 4'096,
     .rope_theta = 1e4,
     .windows = Windows::all,
     .packed = true,
     .rotates_partly = true,
     .original_positions = 4'096},
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

std::vector<PackedParameter> packed_parameters(const ModelConfig& config) {
  return decoder_packed_parameters(config, family_of(config));
}

ParameterSpec head_parameter(const ModelConfig& config) { return {"lm_head.weight", {config.vocab, config.hidden}}; }

}  // namespace plumbline
