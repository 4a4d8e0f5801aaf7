// SPDX-License-Identifier: Apache-2.0
// The families that are known, and what builds an architecture's graph. A new family adds a row here, and a builder of
// its own if its ops are others than the decoder's.
#include <array>

#include <plumbline/error.h>

#include "model/decoder.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

// Sources: transformers' Qwen3Config and LlamaConfig. Both leave the head untied unless tie_word_embeddings says so.
// Published Llama 2 checkpoints lack rope_theta and mean 1e4; no Qwen3 means its class's 1e4, so there the key must
// stand.
constexpr std::array<Family, 2> kFamilies = {{
    {"Qwen3ForCausalLM", "qwen3", 128, 32'768, 0.0, true, false},
    {"LlamaForCausalLM", "llama", 0, 2'048, 1e4, false, true},
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
