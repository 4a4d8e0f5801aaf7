// SPDX-License-Identifier: Apache-2.0
// The decoder as data, op by op in the order and with the rounding points of transformers' eager attention (sources:
// modeling_qwen3, modeling_llama, modeling_qwen2, modeling_mistral, modeling_ernie4_5): pre-norm blocks, separate q, k,
// v and gate, up projections, grouped key-value heads.
#include "model/decoder.h"

#include <cmath>
#include <utility>

namespace plumbline {
namespace {

using Axes = std::vector<std::string>;

const Axes kToken = {"batch", "token", "channel"};
const Axes kTokenStat = {"batch", "token", "stat"};
const Axes kTokenHead = {"batch", "token", "head", "channel"};
const Axes kTokenHeadStat = {"batch", "token", "head", "stat"};
const Axes kHeadToken = {"batch", "head", "token", "channel"};
const Axes kHeadKey = {"batch", "head", "key", "channel"};
const Axes kScores = {"batch", "head", "token", "key"};

bool has_output_bias(const ModelConfig& config, const Family& family) {
  return config.attention_bias && family.biases != Biases::qkv_always;
}

class Builder {
 public:
  Builder(const ModelConfig& config, const Family& family) : config_(config), family_(family) {}

  OpGraph build() {
    embedding();
    rope_table();
    std::string stream = "embed";
    for (int layer = 0; layer < static_cast<int>(config_.layers); ++layer) stream = block(layer, stream);
    layer_ = -1;
    prefix_.clear();
    norm("final_norm", stream, "model.norm.weight", 0);
    linear("logits", "final_norm.out", config_.tied ? "model.embed_tokens" : "lm_head", false);
    graph_.ops.back().outputs.front().axes = {"batch", "token", "vocab"};
    return std::move(graph_);
  }

 private:
  Op& add(const std::string& name, OpKind kind, std::vector<std::string> inputs, const char* contract) {
    Op op;
    op.name = prefix_ + name;
    op.kind = kind;
    op.layer = layer_;
    op.inputs = std::move(inputs);
    op.contract = contract;
    graph_.ops.push_back(std::move(op));
    return graph_.ops.back();
  }
  void result(Op& op, const std::string& path, const Axes& axes) {
    op.outputs.push_back({path, config_.dtype, axes, false});
  }
  void inner(Op& op, const std::string& path, DType dtype, const Axes& axes) {
    op.outputs.push_back({path, dtype, axes, true});
  }
  /// An op whose only output is named as the op is. Returns its path.
  std::string simple(const std::string& name, OpKind kind, std::vector<std::string> inputs, const char* contract,
                     const Axes& axes, Attributes attributes = {}) {
    Op& op = add(name, kind, std::move(inputs), contract);
    op.attributes = std::move(attributes);
    result(op, op.name, axes);
    return op.name;
  }

  void embedding() {
    simple("embed", OpKind::embedding, {"tokens"}, "embedding/copy", kToken, {{"scale", 1.0}});
    graph_.ops.back().parameters = {"model.embed_tokens.weight"};
  }

  void rope_table() {
    const bool f32 = family_.rotates_in_f32;
    Op& op = add("rope.table", OpKind::rope_table, {"positions"}, f32 ? "rope-table/f32out" : "rope-table/f32");
    op.attributes = {{"theta", config_.rope_theta}, {"head_dim", config_.head_dim}};
    if (config_.rope_scaling) set_rope_scaling(op, *config_.rope_scaling);
    for (const char* path : {"rope.cos", "rope.sin"})
      op.outputs.push_back({path, f32 ? DType::f32 : config_.dtype, kToken, false});
    inner(op, "rope.inv_freq", DType::f32, {"channel"});
    for (const char* path : {"rope.freqs", "rope.cos32", "rope.sin32"}) inner(op, path, DType::f32, kToken);
  }

  /// `heads` 0: over the last axis of [1,S,w]; else over each head of [1,S,heads*D].
  std::string norm(const std::string& name, const std::string& input, const std::string& weight, int64_t heads) {
    Op& op = add(name, OpKind::rmsnorm, {input}, "rmsnorm/llama");
    op.parameters = {weight};
    op.attributes = {{"eps", config_.rms_eps}, {"heads", heads}};
    const Axes& axes = heads == 0 ? kToken : kTokenHead;
    const Axes& stat = heads == 0 ? kTokenStat : kTokenHeadStat;
    result(op, op.name + ".out", axes);
    inner(op, op.name + ".x32", DType::f32, axes);
    inner(op, op.name + ".var", DType::f32, stat);
    inner(op, op.name + ".rstd", DType::f32, stat);
    inner(op, op.name + ".n32", DType::f32, axes);
    inner(op, op.name + ".n", config_.dtype, axes);
    return op.outputs.front().path;
  }

  std::string linear(const std::string& name, const std::string& input, const std::string& module, bool bias) {
    const std::string path = simple(name, OpKind::linear, {input}, "linear/f32acc", kToken);
    Op& op = graph_.ops.back();
    op.parameters.push_back(module + ".weight");
    if (bias) op.parameters.push_back(module + ".bias");
    return path;
  }

  std::string rope(const std::string& which, const std::string& input) {
    const bool f32 = family_.rotates_in_f32;
    Op& op = add("attn." + which + "_rope", OpKind::rope, {input, "rope.cos", "rope.sin"},
                 f32 ? "rope/interleaved-f32" : "rope/neox-t");
    op.attributes = {{"pairing", std::string(f32 ? "interleaved" : "half")}};
    result(op, op.name, kHeadToken);
    for (const char* part : {"_cos", "_rot_sin"})
      inner(op, prefix_ + "attn." + which + part, f32 ? DType::f32 : config_.dtype, kHeadToken);
    return op.name;
  }

  std::string softmax(const std::string& input) {
    Op& op = add("attn.softmax", OpKind::softmax, {input}, "attention/eager");
    result(op, prefix_ + "attn.probs", kScores);
    inner(op, prefix_ + "attn.probs32", DType::f32, kScores);
    return op.outputs.front().path;
  }

  /// From the normed stream to q, k (rotated) and v, each [1,heads,S,D], keys and values with the cache before them.
  struct Qkv {
    std::string q, k, v;
  };
  Qkv project(const std::string& normed, const std::string& module) {
    const bool bias = config_.attention_bias;
    std::string q = linear("attn.q_proj", normed, module + "q_proj", bias);
    std::string k = linear("attn.k_proj", normed, module + "k_proj", bias);
    const std::string v = linear("attn.v_proj", normed, module + "v_proj", bias);
    if (family_.qk_norm) {
      q = norm("attn.q_norm", q, module + "q_norm.weight", config_.heads);
      k = norm("attn.k_norm", k, module + "k_norm.weight", config_.kv_heads);
    }
    const std::string q_heads = split("attn.q_heads", q, config_.heads);
    const std::string k_heads = split("attn.k_heads", k, config_.kv_heads);
    const std::string v_heads = split("attn.v_heads", v, config_.kv_heads);
    Qkv out;
    out.q = rope("q", q_heads);
    const std::string k_rope = rope("k", k_heads);
    out.k = simple("attn.k_cache", OpKind::kv_append, {k_rope}, "layout/copy", kHeadKey);
    out.v = simple("attn.v_cache", OpKind::kv_append, {v_heads}, "layout/copy", kHeadKey);
    return out;
  }
  std::string split(const std::string& name, const std::string& input, int64_t heads) {
    return simple(name, OpKind::split_heads, {input}, "layout/copy", kHeadToken, {{"heads", heads}});
  }

  std::string attention(const Qkv& in) {
    const char* eager = "attention/eager";
    const double factor = std::pow(static_cast<double>(config_.head_dim), -0.5);
    const Attributes kv_map = {{"kv_map", std::string("block")}};
    std::string at = simple("attn.scores_raw", OpKind::attn_scores, {in.q, in.k}, eager, kScores, kv_map);
    at = simple("attn.scores_scaled", OpKind::scale, {at}, eager, kScores, {{"factor", factor}});
    at = simple("attn.scores_masked", OpKind::causal_mask, {at}, eager, kScores, {{"offset", int64_t{0}}});
    if (const auto layer = static_cast<size_t>(layer_); layer < config_.windows.size() && config_.windows[layer] > 0)
      graph_.ops.back().attributes["window"] = config_.windows[layer];
    at = softmax(at);
    at = simple("attn.ctx", OpKind::attn_context, {at, in.v}, eager, kHeadToken, kv_map);
    return simple("attn.ctx_merged", OpKind::merge_heads, {at}, "layout/copy", kToken);
  }

  std::string mlp(const std::string& normed, const std::string& module) {
    const bool bias = config_.mlp_bias;
    const std::string gate = linear("mlp.gate_proj", normed, module + "gate_proj", bias);
    const std::string up = linear("mlp.up_proj", normed, module + "up_proj", bias);
    const std::string act = simple("mlp.act", OpKind::silu, {gate}, "silu/f32", kToken);
    const std::string product = simple("mlp.mul", OpKind::multiply, {act, up}, "multiply/rounded", kToken);
    return linear("mlp.down_proj", product, module + "down_proj", bias);
  }

  std::string block(int layer, const std::string& stream) {
    layer_ = layer;
    prefix_ = "layer." + std::to_string(layer) + ".";
    const std::string module = "model.layers." + std::to_string(layer) + ".";
    const std::string normed = norm("in_norm", stream, module + "input_layernorm.weight", 0);
    const std::string context = attention(project(normed, module + "self_attn."));
    const std::string o =
        linear("attn.o_proj", context, module + "self_attn.o_proj", has_output_bias(config_, family_));
    const std::string resid1 = simple("resid1", OpKind::add, {stream, o}, "add/rounded", kToken);
    const std::string normed2 = norm("post_norm", resid1, module + "post_attention_layernorm.weight", 0);
    const std::string down = mlp(normed2, module + "mlp.");
    return simple("resid2", OpKind::add, {resid1, down}, "add/rounded", kToken);
  }

  const ModelConfig& config_;
  const Family& family_;
  OpGraph graph_;
  int layer_ = -1;
  std::string prefix_;
};

}  // namespace

OpGraph build_decoder(const ModelConfig& config, const Family& family) { return Builder(config, family).build(); }

std::vector<ParameterSpec> decoder_parameters(const ModelConfig& config, const Family& family) {
  const int64_t hidden = config.hidden, q = config.heads * config.head_dim, kv = config.kv_heads * config.head_dim;
  std::vector<ParameterSpec> list = {{"model.embed_tokens.weight", {config.vocab, hidden}}};
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string at = "model.layers." + std::to_string(layer) + ".";
    const auto projection = [&](const std::string& name, int64_t out, int64_t in, bool bias) {
      list.push_back({at + name + ".weight", {out, in}});
      if (bias) list.push_back({at + name + ".bias", {out}});
    };
    list.push_back({at + "input_layernorm.weight", {hidden}});
    projection("self_attn.q_proj", q, hidden, config.attention_bias);
    projection("self_attn.k_proj", kv, hidden, config.attention_bias);
    projection("self_attn.v_proj", kv, hidden, config.attention_bias);
    projection("self_attn.o_proj", hidden, q, has_output_bias(config, family));
    if (family.qk_norm) {
      list.push_back({at + "self_attn.q_norm.weight", {config.head_dim}});
      list.push_back({at + "self_attn.k_norm.weight", {config.head_dim}});
    }
    list.push_back({at + "post_attention_layernorm.weight", {hidden}});
    projection("mlp.gate_proj", config.intermediate, hidden, config.mlp_bias);
    projection("mlp.up_proj", config.intermediate, hidden, config.mlp_bias);
    projection("mlp.down_proj", hidden, config.intermediate, config.mlp_bias);
  }
  list.push_back({"model.norm.weight", {hidden}});
  if (!config.tied) list.push_back(head_parameter(config));
  return list;
}

}  // namespace plumbline
