// SPDX-License-Identifier: Apache-2.0
#include "support/tiny_model.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include <plumbline/dtype.h>

#include "core/random.h"

namespace plumbline::test {
namespace {

DType checkpoint_dtype(const std::string& name) {
  if (name == "bfloat16") return DType::bf16;
  if (name == "float16") return DType::f16;
  if (name == "float32") return DType::f32;
  throw std::invalid_argument("tiny model: dtype " + name);
}

std::string safetensors_dtype(DType dtype) {
  return dtype == DType::bf16 ? "BF16" : dtype == DType::f16 ? "F16" : "F32";
}

/// What a family's checkpoints have, beside a Llama's.
struct Form {
  std::string model_type, architecture;
  bool head_norms = false;   ///< of queries and keys
  bool own_biases = false;   ///< q, k and v have one, whatever the config says
  bool whole_heads = false;  ///< the norms of queries and keys are over all heads of a token
  bool norms_before = true, norms_behind = false;
  bool offsets = false;  ///< norms store what they add to one
  bool packed = false;   ///< q, k and v are rows of one tensor, gate and up of another
};

/// OLMo from its second version on.
Form olmo_form(const char* model_type, const char* architecture) {
  return {.model_type = model_type,
          .architecture = architecture,
          .head_norms = true,
          .whole_heads = true,
          .norms_before = false,
          .norms_behind = true};
}

Form form_of(const TinyModelOptions& o) {
  for (const Form& form :
       {Form{"qwen3", "Qwen3ForCausalLM", true}, Form{"llama", "LlamaForCausalLM"},
        Form{"qwen2", "Qwen2ForCausalLM", false, true}, Form{"mistral", "MistralForCausalLM"},
        Form{"ernie4_5", "Ernie4_5ForCausalLM"}, olmo_form("olmo2", "Olmo2ForCausalLM"),
        olmo_form("olmo3", "Olmo3ForCausalLM"),
        Form{.model_type = "phi3", .architecture = "Phi3ForCausalLM", .packed = true},
        Form{.model_type = "gemma2", .architecture = "Gemma2ForCausalLM", .norms_behind = true, .offsets = true},
        Form{.model_type = "gemma3_text",
        .architecture = "Gemma3ForCausalLM",
        .head_norms = true,
        .norms_behind = true,
        .offsets = true}}) {
    if (form.model_type == (!o.family.empty() ? o.family : o.llama ? "llama" : "qwen3")) return form;
  }
  throw std::invalid_argument("tiny model: family " + o.family);
}

class TensorMaker {
 public:
  explicit TensorMaker(const TinyModelOptions& options)
      : dtype_(checkpoint_dtype(options.dtype)), random_(options.seed) {}

  void add(std::string name, std::vector<int64_t> shape, double mean, double deviation) {
    size_t count = 1;
    for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
    RawTensor tensor{std::move(name), safetensors_dtype(dtype_), std::move(shape), {}};
    tensor.bytes.resize(count * element_bytes(dtype_));
    auto* to = reinterpret_cast<std::byte*>(tensor.bytes.data());
    for (size_t i = 0; i < count; ++i) {
      encode(dtype_, mean + deviation * random_.normal(), to + i * element_bytes(dtype_));
    }
    tensors_.push_back(std::move(tensor));
  }
  void matrix(const std::string& name, int64_t out, int64_t in) {
    add(name, {out, in}, 0.0, 1.0 / std::sqrt(static_cast<double>(in)));
  }
  std::vector<RawTensor> take() { return std::move(tensors_); }

 private:
  DType dtype_;
  SplitMix64 random_;
  std::vector<RawTensor> tensors_;
};

void add_layer(TensorMaker& make, const TinyModelOptions& o, int64_t layer) {
  const std::string at = "model.layers." + std::to_string(layer) + ".";
  const int64_t q = o.heads * o.head_dim, kv = o.kv_heads * o.head_dim;
  const Form form = form_of(o);
  const auto norm = [&](const std::string& name, int64_t width, double mean, double deviation) {
    make.add(at + name + ".weight", {width}, form.offsets ? mean - 1.0 : mean, deviation);
  };
  if (form.norms_before) norm("input_layernorm", o.hidden, 1.0, 0.2);
  if (form.packed) {
    make.matrix(at + "self_attn.qkv_proj.weight", q + 2 * kv, o.hidden);
  } else {
    make.matrix(at + "self_attn.q_proj.weight", q, o.hidden);
    make.matrix(at + "self_attn.k_proj.weight", kv, o.hidden);
    make.matrix(at + "self_attn.v_proj.weight", kv, o.hidden);
  }
  if (o.attention_bias || form.own_biases) {
    make.add(at + "self_attn.q_proj.bias", {q}, 0.0, 0.1);
    make.add(at + "self_attn.k_proj.bias", {kv}, 0.0, 0.1);
    make.add(at + "self_attn.v_proj.bias", {kv}, 0.0, 0.1);
    if (!form.own_biases) make.add(at + "self_attn.o_proj.bias", {o.hidden}, 0.0, 0.1);
  }
  if (form.head_norms) {
    norm("self_attn.q_norm", form.whole_heads ? q : o.head_dim, 1.0, 0.2);
    norm("self_attn.k_norm", form.whole_heads ? kv : o.head_dim, 2.0, 0.5);
  }
  make.matrix(at + "self_attn.o_proj.weight", o.hidden, q);
  norm("post_attention_layernorm", o.hidden, 1.0, 0.2);
  if (form.norms_before && form.norms_behind) norm("pre_feedforward_layernorm", o.hidden, 1.0, 0.2);
  if (form.norms_behind) norm("post_feedforward_layernorm", o.hidden, 1.0, 0.2);
  if (form.packed) {
    make.matrix(at + "mlp.gate_up_proj.weight", 2 * o.intermediate, o.hidden);
  } else {
    make.matrix(at + "mlp.gate_proj.weight", o.intermediate, o.hidden);
    make.matrix(at + "mlp.up_proj.weight", o.intermediate, o.hidden);
  }
  make.matrix(at + "mlp.down_proj.weight", o.hidden, o.intermediate);
  if (o.mlp_bias) {
    make.add(at + "mlp.gate_proj.bias", {o.intermediate}, 0.0, 0.1);
    make.add(at + "mlp.up_proj.bias", {o.intermediate}, 0.0, 0.1);
    make.add(at + "mlp.down_proj.bias", {o.hidden}, 0.0, 0.1);
  }
}

std::string shard_name(int shard, int shards) {
  char name[64];
  std::snprintf(name, sizeof name, "model-%05d-of-%05d.safetensors", shard + 1, shards);
  return name;
}

void write_shards(const TempDirectory& directory, const std::vector<RawTensor>& tensors, int shards) {
  std::vector<std::vector<RawTensor>> parts(static_cast<size_t>(shards));
  nlohmann::json weight_map = nlohmann::json::object();
  size_t total = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const size_t shard = i * parts.size() / tensors.size();
    parts[shard].push_back(tensors[i]);
    weight_map[tensors[i].name] = shard_name(static_cast<int>(shard), shards);
    total += tensors[i].bytes.size();
  }
  for (int shard = 0; shard < shards; ++shard) {
    write_safetensors(directory / shard_name(shard, shards), parts[static_cast<size_t>(shard)]);
  }
  const nlohmann::json index = {{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}};
  write_file(directory / "model.safetensors.index.json", index.dump(2));
}

std::string utf8(int code_point) {  // below U+0800, which is all the byte-level alphabet needs
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | (code_point >> 6)), static_cast<char>(0x80 | (code_point & 0x3F))};
}

}  // namespace

nlohmann::json tiny_config(const TinyModelOptions& o) {
  nlohmann::json config = {{"architectures", nlohmann::json::array({form_of(o).architecture})},
                           {"attention_bias", o.attention_bias},
                           {"head_dim", o.head_dim},
                           {"hidden_act", "silu"},
                           {"hidden_size", o.hidden},
                           {"intermediate_size", o.intermediate},
                           {"max_position_embeddings", o.max_positions},
                           {"model_type", form_of(o).model_type},
                           {"num_attention_heads", o.heads},
                           {"num_hidden_layers", o.layers},
                           {"num_key_value_heads", o.kv_heads},
                           {"rms_norm_eps", o.rms_eps},
                           {"sliding_window", nullptr},
                           {"tie_word_embeddings", o.tied},
                           {"use_sliding_window", false},
                           {"vocab_size", o.vocab}};
  if (form_of(o).packed) config["pad_token_id"] = 0;  // the class's is one of a larger vocabulary
  if (form_of(o).offsets) {  // the keys of Gemma's classes; caps and windows as those have them
    config["hidden_activation"] = "gelu_pytorch_tanh";
    for (const char* key : {"hidden_act", "sliding_window", "use_sliding_window"}) config.erase(key);
  }
  if (form_of(o).model_type == "llama") config["mlp_bias"] = o.mlp_bias;
  if (form_of(o).model_type == "ernie4_5") config["use_bias"] = o.attention_bias && o.mlp_bias;
  nlohmann::json scaling;
  if (o.rope_scaling) {
    scaling = {{"rope_type", "llama3"},
               {"factor", o.rope_scaling->factor},
               {"low_freq_factor", o.rope_scaling->low_freq_factor},
               {"high_freq_factor", o.rope_scaling->high_freq_factor},
               {"original_max_position_embeddings", static_cast<int64_t>(o.rope_scaling->original_positions)}};
  }
  if (o.new_config_keys) {
    config["rope_parameters"] = scaling.is_null() ? nlohmann::json{{"rope_type", "default"}} : scaling;
    config["rope_parameters"]["rope_theta"] = o.rope_theta;
    config["dtype"] = o.dtype;
  } else {
    config["rope_theta"] = o.rope_theta;
    config["rope_scaling"] = scaling;
    config["torch_dtype"] = o.dtype;
  }
  return config;
}

std::vector<RawTensor> tiny_tensors(const TinyModelOptions& o) {
  TensorMaker make(o);
  make.add("model.embed_tokens.weight", {o.vocab, o.hidden}, 0.0, 0.05);
  for (int64_t layer = 0; layer < o.layers; ++layer) add_layer(make, o, layer);
  make.add("model.norm.weight", {o.hidden}, form_of(o).offsets ? 0.0 : 1.0, 0.2);
  if (!o.tied) make.add("lm_head.weight", {o.vocab, o.hidden}, 0.0, 0.05);
  std::vector<RawTensor> tensors = make.take();
  if (o.tied && o.store_tied_head) {
    RawTensor head = tensors.front();
    head.name = "lm_head.weight";
    tensors.push_back(std::move(head));
  }
  return tensors;
}

nlohmann::json tiny_tokenizer() {
  // GPT-2's alphabet: printable Latin-1 bytes stand for themselves, the others for U+0100 upwards in order.
  nlohmann::json vocab = nlohmann::json::object();
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    vocab[utf8(printable ? byte : next++)] = byte;
  }
  return {{"version", "1.0"},
          {"added_tokens", nlohmann::json::array({{{"id", 256}, {"content", "<|endoftext|>"}, {"special", true}}})},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", nlohmann::json::array()}}}};
}

TempDirectory write_tiny_model(const TinyModelOptions& options) {
  TempDirectory directory;
  nlohmann::json config = tiny_config(options);
  std::vector<RawTensor> tensors = tiny_tensors(options);
  if (options.edit_config) options.edit_config(config);
  if (options.edit_tensors) options.edit_tensors(tensors);
  write_file(directory / "config.json", config.dump(2));
  if (options.shards > 1) {
    write_shards(directory, tensors, options.shards);
  } else {
    write_safetensors(directory / "model.safetensors", tensors);
  }
  if (options.tokenizer) write_file(directory / "tokenizer.json", tiny_tokenizer().dump());
  return directory;
}

}  // namespace plumbline::test
