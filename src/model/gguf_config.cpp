// SPDX-License-Identifier: Apache-2.0
// Keys: ggml, docs/gguf.md; what llama.cpp takes an absent key for: llama-model.cpp. Limits are those of config.cpp.
#include "model/gguf_config.h"

#include <algorithm>
#include <array>
#include <vector>

#include "model/config.h"
#include "model/config_keys.h"
#include "model/gguf_keys.h"
#include "model/gguf_rope.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kArchitecture = "general.architecture";
constexpr const char* kHuggingFace = "import the Hugging Face checkpoint of the model instead";
constexpr int64_t kQuantisation = 2;  // the block layouts of ggml_types.h (general.quantization_version)

constexpr std::array<std::string_view, 16> kKnown = {"block_count",
                                                     "context_length",
                                                     "embedding_length",
                                                     "feed_forward_length",
                                                     "vocab_size",
                                                     "expert_count",
                                                     "attention.head_count",
                                                     "attention.head_count_kv",
                                                     "attention.key_length",
                                                     "attention.value_length",
                                                     "attention.layer_norm_rms_epsilon",
                                                     "rope.dimension_count",
                                                     "rope.freq_base",
                                                     "rope.scaling.type",
                                                     "rope.scaling.factor",
                                                     "rope.scale_linear"};

const char* dtype_text(DType dtype) { return dtype == DType::bf16 ? "bfloat16" : "float32"; }

class Importer {
 public:
  Importer(const GgufFile& file, DType dtype) : file_(file), keys_(file), dtype_(dtype) {}

  GgufConfig make() {
    check_kind();
    check_known();
    Json config = {{"architectures", Json::array({"LlamaForCausalLM"})}, {"model_type", "llama"}};
    add_extents(config);
    config["rms_norm_eps"] = keys_.positive("llama.attention.layer_norm_rms_epsilon");
    add_rope(config);
    config["hidden_act"] = "silu";
    config["attention_bias"] = file_.find_tensor("blk.0.attn_q.bias") != nullptr;
    config["mlp_bias"] = file_.find_tensor("blk.0.ffn_gate.bias") != nullptr;
    config["tie_word_embeddings"] = file_.find_tensor("output.weight") == nullptr;
    for (const char* token : {"bos", "eos", "pad"}) add_token(config, token);
    config["torch_dtype"] = dtype_text(dtype_);
    made_.json = config.dump(2) + "\n";
    made_.config = parse_config(made_.json, file_.path());
    return std::move(made_);
  }

 private:
  /// A whole model in one file, of an architecture that is known.
  void check_kind() const {
    if (keys_.text(kArchitecture) != "llama")
      keys_.refuse("this architecture is not imported", kArchitecture, "\"llama\"", kHuggingFace);
    if (keys_.has("general.type") && keys_.text("general.type") != "model")
      keys_.refuse("it holds no whole model", "general.type", "\"model\"", "give the file of the model itself");
    if (keys_.optional_integer("split.count", 0, kMostPositions).value_or(1) > 1)
      keys_.refuse("it is one part of several", "split.count", "absent, 0 or 1",
                   "join the parts: llama-gguf-split --merge of llama.cpp");
    const bool quantised = std::any_of(file_.tensors().begin(), file_.tensors().end(),
                                       [](const GgufTensor& tensor) { return tensor.type->block > 1; });
    if (quantised && keys_.optional_integer("general.quantization_version", 0, 1 << 30).value_or(2) != kQuantisation)
      keys_.refuse("its blocks have another layout", "general.quantization_version", std::to_string(kQuantisation),
                   "quantise the model anew with a current llama.cpp");
  }

  void check_known() const {
    constexpr std::string_view kPrefix = "llama.";
    for (const GgufPair& pair : file_.pairs()) {
      if (!pair.key.starts_with(kPrefix)) continue;
      if (std::find(kKnown.begin(), kKnown.end(), pair.key.substr(kPrefix.size())) == kKnown.end())
        keys_.refuse("a key of the architecture is not known here and may change what the model computes",
                     std::string(pair.key), "absent", kHuggingFace);
    }
    if (keys_.optional_integer("llama.expert_count", 0, kMostHeads).value_or(0) != 0)
      keys_.refuse("a mixture of experts is not imported", "llama.expert_count", "absent or 0", kHuggingFace);
  }

  void add_extents(Json& config) const {
    const int64_t hidden = keys_.integer("llama.embedding_length", 1, kLargestWidth);
    const int64_t heads = keys_.integer("llama.attention.head_count", 1, kMostHeads);
    const int64_t kv = keys_.optional_integer("llama.attention.head_count_kv", 1, kMostHeads).value_or(heads);
    if (heads % kv != 0)
      keys_.refuse("a key has a value that cannot be used", "llama.attention.head_count_kv",
                   "a divisor of llama.attention.head_count, " + std::to_string(heads), kHuggingFace);
    config["vocab_size"] = vocab();
    config["hidden_size"] = hidden;
    config["intermediate_size"] = keys_.integer("llama.feed_forward_length", 1, kLargestWidth);
    config["num_hidden_layers"] = keys_.integer("llama.block_count", 1, kMostLayers);
    config["num_attention_heads"] = heads;
    config["num_key_value_heads"] = kv;
    config["head_dim"] = head_dim(hidden, heads);
    config["max_position_embeddings"] = keys_.integer("llama.context_length", 1, kMostPositions);
  }

  /// The rows of the embedding; vocab_size is optional and must say the same.
  int64_t vocab() const {
    const GgufTensor* embedding = file_.find_tensor("token_embd.weight");
    if (embedding == nullptr)
      keys_.refuse("a tensor is missing", {"tensor  token_embd.weight"}, "fetch the file again, or another one");
    const int64_t rows = embedding->shape.front();
    if (keys_.optional_integer("llama.vocab_size", 1, kLargestVocab).value_or(rows) != rows)
      keys_.refuse("a key contradicts a tensor", "llama.vocab_size",
                   std::to_string(rows) + ", the rows of token_embd.weight", kHuggingFace);
    return rows;
  }

  int64_t head_dim(int64_t hidden, int64_t heads) const {
    const std::string key = "llama.attention.key_length";
    const bool stated = keys_.has(key);
    if (!stated && hidden % heads != 0)
      keys_.refuse("a key is missing", key,
                   "as llama.embedding_length is no multiple of llama.attention.head_count: a number", kHuggingFace);
    const int64_t width = stated ? keys_.integer(key, 2, kMostHeads) : hidden / heads;
    for (const char* other : {"llama.attention.value_length", "llama.rope.dimension_count"})
      if (keys_.optional_integer(other, 1, kMostHeads).value_or(width) != width)
        keys_.refuse("heads of several widths, or turned in part, are not imported", other, std::to_string(width),
                     kHuggingFace);
    if (width % 2 != 0)
      keys_.refuse("a head has an odd width", stated ? key : "llama.attention.head_count", "pairs", kHuggingFace);
    return width;
  }

  void add_rope(Json& config) {
    const std::string base = "llama.rope.freq_base", type = "llama.rope.scaling.type";
    const double theta = keys_.has(base) ? keys_.positive(base) : 1e4;
    config["rope_theta"] = theta;
    if (keys_.has(type) && keys_.text(type) != "none")
      keys_.refuse("this rope scaling is not imported", type, "absent or \"none\"", kHuggingFace);
    for (const char* key : {"llama.rope.scaling.factor", "llama.rope.scale_linear"})
      if (keys_.has(key) && keys_.positive(key) != 1.0)
        keys_.refuse("this rope scaling is not imported", key, "absent or 1", kHuggingFace);
    if (const GgufTensor* factors = file_.find_tensor("rope_freqs.weight")) add_scaling(config, *factors, theta);
  }

  void add_scaling(Json& config, const GgufTensor& stored, double theta) {
    const int64_t pairs = config["head_dim"].get<int64_t>() / 2;
    std::optional<RopeScaling> scaling;
    if (stored.shape == Shape{pairs} && std::string_view(stored.type->name) == "F32") {
      std::vector<float> factors(static_cast<size_t>(pairs));
      stored.type->widen(stored.data.data(), pairs, factors.data());
      scaling = scaling_of_factors(factors, theta);
    }
    if (!scaling)
      keys_.refuse("its rope factors are not those of Llama 3's scaling",
                   {"tensor  rope_freqs.weight " + to_string(stored.shape) + " " + stored.type->name,
                    "needed  " + std::to_string(pairs) + " F32 by low_freq_factor 1, high_freq_factor 4"},
                   kHuggingFace);
    config["rope_scaling"] = {{"rope_type", "llama3"},
                              {"factor", scaling->factor},
                              {"low_freq_factor", scaling->low_freq_factor},
                              {"high_freq_factor", scaling->high_freq_factor},
                              {"original_max_position_embeddings", static_cast<int64_t>(scaling->original_positions)}};
    const Json& made = config["rope_scaling"];
    made_.scaling = "llama3, factor " + made["factor"].dump() + ", original length " +
                    made["original_max_position_embeddings"].dump() + ": the one that gives all " +
                    std::to_string(pairs) + " factors of rope_freqs.weight";
  }

  void add_token(Json& config, const std::string& token) const {
    const std::string key = "tokenizer.ggml." + (token == "pad" ? "padding" : token) + "_token_id";
    const int64_t rows = config["vocab_size"].get<int64_t>();
    if (const auto id = keys_.optional_integer(key, 0, rows - 1)) config[token + "_token_id"] = *id;
  }

  const GgufFile& file_;
  GgufKeys keys_;
  DType dtype_;
  GgufConfig made_;
};

}  // namespace

GgufConfig config_of(const GgufFile& file, DType dtype) { return Importer(file, dtype).make(); }

}  // namespace plumbline
