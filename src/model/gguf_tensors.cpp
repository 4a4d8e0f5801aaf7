// SPDX-License-Identifier: Apache-2.0
// Names: gguf-py/gguf/constants.py (TENSOR_NAMES) and tensor_mapping.py.
#include "model/gguf_tensors.h"

#include <algorithm>
#include <set>

#include "model/expected_parameters.h"
#include "model/gguf_keys.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

constexpr std::string_view kLayers = "model.layers.";

struct Renamed {
  std::string_view parameter, stored;
};
constexpr Renamed kOutside[] = {
    {"model.embed_tokens", "token_embd"}, {"model.norm", "output_norm"}, {"lm_head", "output"}};
constexpr Renamed kInside[] = {
    {"input_layernorm", "attn_norm"}, {"self_attn.q_proj", "attn_q"},      {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},   {"self_attn.o_proj", "attn_output"}, {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},    {"mlp.up_proj", "ffn_up"},           {"mlp.down_proj", "ffn_down"}};

template <class Table>
std::string renamed(const Table& table, const std::string& stem) {
  const auto* const row =
      std::find_if(std::begin(table), std::end(table), [&](const Renamed& each) { return each.parameter == stem; });
  return row == std::end(table) ? stem : std::string(row->stored);
}

bool is_turned(const std::string& parameter) {
  return parameter.find("self_attn.q_proj") != std::string::npos ||
         parameter.find("self_attn.k_proj") != std::string::npos;
}

const GgufTensor& stored_tensor(const GgufFile& file, const ParameterSpec& spec) {
  const GgufKeys keys(file);
  const std::string name = gguf_name(spec.name);
  const GgufTensor* stored = file.find_tensor(name);
  if (stored == nullptr)
    keys.refuse("a tensor is missing", {"tensor  " + name, "needed  for " + spec.name + " " + to_string(spec.shape)},
                "fetch the file again, or another one");
  if (stored->shape != spec.shape)
    keys.refuse("a tensor has another shape than the keys say",
                {"tensor  " + name, "shape   " + to_string(stored->shape),
                 "needed  " + to_string(spec.shape) + " for " + spec.name},
                "fetch the file again, or another one");
  if (spec.shape.size() == 1 && is_turned(spec.name) && stored->type->block > 1)
    keys.refuse("a bias whose rows were moved is in blocks",
                {"tensor  " + name, std::string("type    ") + stored->type->name}, "take a file whose biases are F32");
  return *stored;
}

/// What is in the file and has no place in the model. The rope factors have become keys of the config.
void refuse_others(const GgufFile& file, const std::set<std::string_view>& used) {
  for (const GgufTensor& tensor : file.tensors()) {
    if (used.contains(tensor.name) || tensor.name == "rope_freqs.weight") continue;
    GgufKeys(file).refuse("a tensor has no place in a LlamaForCausalLM",
                          {"tensor  " + printable(tensor.name), "shape   " + to_string(tensor.shape)},
                          "import the Hugging Face checkpoint of the model instead");
  }
}

}  // namespace

std::string gguf_name(const std::string& parameter) {
  const size_t dot = parameter.rfind('.');
  const std::string stem = parameter.substr(0, dot), suffix = parameter.substr(dot);
  if (!stem.starts_with(kLayers)) return renamed(kOutside, stem) + suffix;
  const size_t after = stem.find('.', kLayers.size());
  return "blk." + stem.substr(kLayers.size(), after - kLayers.size()) + "." + renamed(kInside, stem.substr(after + 1)) +
         suffix;
}

std::vector<GgufSource> sources_of(const GgufFile& file, const ModelConfig& config) {
  std::vector<GgufSource> sources;
  std::set<std::string_view> used;
  for (const ParameterSpec& spec : expected_parameters(config)) {
    const GgufTensor& stored = stored_tensor(file, spec);
    used.insert(stored.name);
    sources.push_back({spec.name, spec.shape, &stored, is_turned(spec.name) ? config.head_dim : 0});
  }
  refuse_others(file, used);
  return sources;
}

int64_t stored_row(const GgufSource& source, int64_t row) {
  if (source.head_dim == 0) return row;
  const int64_t head = row / source.head_dim, channel = row % source.head_dim, half = source.head_dim / 2;
  return head * source.head_dim + 2 * (channel % half) + channel / half;
}

void read_weights(const GgufSource& source, int64_t first, int64_t count, float* out) {
  const GgufTensor& stored = *source.stored;
  const bool one_row = source.shape.size() == 1 && source.head_dim == 0;  // a norm, or a bias that was not moved
  const int64_t width = source.shape.size() > 1 || one_row ? source.shape.back() : 1;
  for (int64_t done = 0; done < count;) {
    const int64_t row = (first + done) / width, column = (first + done) % width;
    const int64_t here = std::min(count - done, width - column);
    const int64_t block = (stored_row(source, row) * width + column) / stored.type->block;
    stored.type->widen(stored.data.data() + block * stored.type->block_bytes, here / stored.type->block, out + done);
    done += here;
  }
}

}  // namespace plumbline
