// SPDX-License-Identifier: Apache-2.0
#include "support/raw_gguf.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "support/tiny_model.h"

namespace plumbline::test {
namespace {

void pad(std::string& bytes, uint64_t alignment) {
  bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
}

const std::map<std::string, std::string> kStems = {
    {"model.embed_tokens", "token_embd"}, {"model.norm", "output_norm"},       {"lm_head", "output"},
    {"input_layernorm", "attn_norm"},     {"self_attn.q_proj", "attn_q"},      {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},       {"self_attn.o_proj", "attn_output"}, {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},        {"mlp.up_proj", "ffn_up"},           {"mlp.down_proj", "ffn_down"}};

std::string name_of(std::string name) {
  std::string layer;
  const std::string layers = "model.layers.";
  if (name.starts_with(layers)) {
    const size_t dot = name.find('.', layers.size());
    layer = "blk." + name.substr(layers.size(), dot - layers.size()) + ".";
    name = name.substr(dot + 1);
  }
  const size_t dot = name.rfind('.');
  return layer + kStems.at(name.substr(0, dot)) + name.substr(dot);
}

/// Channels s*D/2+j of each head become rows 2j+s.
std::string moved(const std::string& bytes, size_t rows, size_t head_dim) {
  const size_t row_bytes = bytes.size() / rows, half = head_dim / 2;
  std::string out;
  for (size_t row = 0; row < rows; ++row) {
    const size_t head = row / head_dim, in_head = row % head_dim;
    out += bytes.substr((head * head_dim + in_head % 2 * half + in_head / 2) * row_bytes, row_bytes);
  }
  return out;
}

std::string widened(const std::string& bf16) {
  std::string f32;
  for (size_t i = 0; i < bf16.size(); i += 2) f32 += std::string(2, '\0') + bf16.substr(i, 2);
  return f32;
}

/// As the converter computes them, in f32.
std::string rope_factors(const nlohmann::json& config) {
  const nlohmann::json& scaling = config.at("rope_scaling");
  const auto base = config.at("rope_theta").get<float>(), factor = scaling.at("factor").get<float>();
  const auto low = scaling.at("low_freq_factor").get<float>(), high = scaling.at("high_freq_factor").get<float>();
  const auto old = scaling.at("original_max_position_embeddings").get<float>();
  const int dim = config.at("head_dim");
  std::string bytes;
  for (int i = 0; i < dim; i += 2) {
    const float frequency = 1.0F / std::pow(base, static_cast<float>(i) / static_cast<float>(dim));
    const float wave = 2.0F * 3.14159265358979F / frequency;
    float divisor = 1.0F;
    if (wave > old / low) {
      divisor = factor;
    } else if (wave >= old / high) {
      const float smooth = (old / wave - low) / (high - low);
      divisor = 1.0F / ((1.0F - smooth) / factor + smooth);
    }
    bytes += raw(divisor);
  }
  return bytes;
}

void add_tokenizer(RawGguf& file, size_t vocab) {
  const nlohmann::json tokenizer = tiny_tokenizer();
  std::vector<std::string> tokens(vocab);
  std::string kinds;
  for (size_t id = 0; id < vocab; ++id) tokens[id] = "[PAD" + std::to_string(id) + "]";
  for (const auto& [text, id] : tokenizer.at("model").at("vocab").items())
    if (id.get<size_t>() < vocab) tokens[id.get<size_t>()] = text;
  if (vocab > 256) tokens[256] = "<|endoftext|>";
  for (size_t id = 0; id < vocab; ++id) kinds += raw(int32_t{id < 256 ? 1 : id == 256 ? 3 : 5});
  file.set("tokenizer.ggml.model", gguf_text("gpt2"));
  file.set("tokenizer.ggml.pre", gguf_text("gpt-2"));
  file.set("tokenizer.ggml.tokens", gguf_texts(tokens));
  file.set("tokenizer.ggml.token_type", gguf_list(5, vocab, kinds));
  file.set("tokenizer.ggml.merges", gguf_texts({}));
  if (vocab > 256) file.set("tokenizer.ggml.eos_token_id", gguf_u32(256));
}

}  // namespace

void RawGguf::set(const std::string& key, const std::string& value) {
  for (auto& [name, held] : pairs)
    if (name == key) {
      held = value;
      return;
    }
  pairs.emplace_back(key, value);
}

void RawGguf::drop(const std::string& key) {
  std::erase_if(pairs, [&](const auto& pair) { return pair.first == key; });
}

RawGgufTensor& RawGguf::tensor(const std::string& name) {
  for (RawGgufTensor& each : tensors)
    if (each.name == name) return each;
  throw std::out_of_range(name);
}

std::string gguf_bytes(const RawGguf& file) {
  std::string bytes = "GGUF" + raw(file.version) + raw(file.declared_tensors.value_or(file.tensors.size())) +
                      raw(file.declared_pairs.value_or(file.pairs.size()));
  for (const auto& [key, value] : file.pairs) bytes += raw_text(key) + value;
  std::string data;
  for (const RawGgufTensor& tensor : file.tensors) {
    bytes += raw_text(tensor.name) + raw(static_cast<uint32_t>(tensor.shape.size()));
    for (const uint64_t extent : tensor.shape) bytes += raw(extent);
    bytes += raw(tensor.type) + raw(tensor.offset.value_or(data.size()));
    data += tensor.bytes;
    pad(data, file.alignment);
  }
  pad(bytes, file.alignment);
  return bytes + data;
}

std::string raw_text(const std::string& text) { return raw(uint64_t{text.size()}) + text; }
std::string gguf_u32(uint32_t value) { return raw(uint32_t{4}) + raw(value); }
std::string gguf_f32(float value) { return raw(uint32_t{6}) + raw(value); }
std::string gguf_bool(bool value) { return raw(uint32_t{7}) + raw(uint8_t{value}); }
std::string gguf_text(const std::string& text) { return raw(uint32_t{8}) + raw_text(text); }
std::string gguf_list(uint32_t element, uint64_t count, const std::string& encoded) {
  return raw(uint32_t{9}) + raw(element) + raw(count) + encoded;
}
std::string gguf_texts(const std::vector<std::string>& texts) {
  std::string encoded;
  for (const std::string& text : texts) encoded += raw_text(text);
  return gguf_list(8, texts.size(), encoded);
}

RawGguf gguf_of_llama(const nlohmann::json& config, const std::vector<RawTensor>& tensors) {
  const auto number = [&](const char* key) { return config.at(key).get<uint32_t>(); };
  RawGguf file;
  file.set("general.architecture", gguf_text("llama"));
  file.set("llama.block_count", gguf_u32(number("num_hidden_layers")));
  file.set("llama.context_length", gguf_u32(number("max_position_embeddings")));
  file.set("llama.embedding_length", gguf_u32(number("hidden_size")));
  file.set("llama.feed_forward_length", gguf_u32(number("intermediate_size")));
  file.set("llama.attention.head_count", gguf_u32(number("num_attention_heads")));
  file.set("llama.attention.head_count_kv", gguf_u32(number("num_key_value_heads")));
  file.set("llama.attention.key_length", gguf_u32(number("head_dim")));
  file.set("llama.attention.layer_norm_rms_epsilon", gguf_f32(config.at("rms_norm_eps").get<float>()));
  file.set("llama.rope.freq_base", gguf_f32(config.at("rope_theta").get<float>()));
  file.set("llama.rope.dimension_count", gguf_u32(number("head_dim")));
  file.set("llama.vocab_size", gguf_u32(number("vocab_size")));
  add_tokenizer(file, number("vocab_size"));
  const std::map<std::string, uint32_t> types = {{"F32", kF32}, {"F16", kF16}, {"BF16", kBF16}};
  for (const RawTensor& tensor : tensors) {
    RawGgufTensor made{name_of(tensor.name), types.at(tensor.dtype), {}, tensor.bytes};
    for (const int64_t extent : tensor.shape) made.shape.insert(made.shape.begin(), static_cast<uint64_t>(extent));
    if (made.name.find("attn_q.") != std::string::npos || made.name.find("attn_k.") != std::string::npos)
      made.bytes = moved(made.bytes, made.shape.back(), number("head_dim"));
    if (made.shape.size() == 1 && made.type == kBF16) {
      made.type = kF32;
      made.bytes = widened(made.bytes);
    }
    file.tensors.push_back(std::move(made));
  }
  if (config.contains("rope_scaling") && !config.at("rope_scaling").is_null())
    file.tensors.push_back({"rope_freqs.weight", kF32, {number("head_dim") / 2}, rope_factors(config)});
  return file;
}

}  // namespace plumbline::test
