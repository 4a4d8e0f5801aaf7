// SPDX-License-Identifier: Apache-2.0
// The decoder as data, op by op in the order and with the rounding points of transformers' eager attention (sources:
// modeling_qwen3, modeling_llama, modeling_qwen2, modeling_mistral, modeling_ernie4_5, modeling_olmo2, modeling_gemma2,
// modeling_gemma3): blocks of attention and a gated MLP with norms before, behind or around them, separate q, k, v and
// gate, up projections, grouped key-value heads.
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

bool has_norms_before(const Family& family) { return family.norms != Norms::behind; }
bool has_norms_behind(const Family& family) { return family.norms != Norms::before; }

/// The modules of a block's norms, by their names in checkpoints (Norms).
struct NormModules {
  const char *before_attention = "input_layernorm", *behind_attention = "post_attention_layernorm", *before_mlp,
             *behind_mlp = "post_feedforward_layernorm";
  explicit NormModules(const Family& family)
      : before_mlp(family.norms == Norms::around ? "pre_feedforward_layernorm" : "post_attention_layernorm") {}
};

bool has_output_bias(const ModelConfig& config, const Family& family) {
  return config.attention_bias && family.biases != Biases::qkv_always;
}

class Builder {
 public:
  Builder(const ModelConfig& config, const Family& family) : config_(config), family_(family) {}

  OpGraph build() {
    embedding();
    rope_tables();
    std::string stream = "embed";
    for (int layer = 0; layer < static_cast<int>(config_.layers); ++layer) stream = block(layer, stream);
    layer_ = -1;
    prefix_.clear();
    norm("final_norm", stream, "model.norm.weight", 0);
    const Axes vocab = {"batch", "token", "vocab"};
    const bool capped = config_.logit_cap != 0.0;
    const std::string head = linear(capped ? "logits_raw" : "logits", "final_norm.out",
                                    config_.tied ? "model.embed_tokens" : "lm_head", false);
    graph_.ops.back().outputs.front().axes = vocab;
    if (capped) softcap("logits", head, vocab, config_.logit_cap);
    return std::move(graph_);
  }

 private:
  Op& add(const std::string& name, OpKind kind, std::vector<std::string> inputs, std::string_view contract) {
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
  std::string simple(const std::string& name, OpKind kind, std::vector<std::string> inputs, std::string_view contract,
                     const Axes& axes, Attributes attributes = {}) {
    Op& op = add(name, kind, std::move(inputs), contract);
    op.attributes = std::move(attributes);
    result(op, op.name, axes);
    return op.name;
  }

  void embedding() {
    const double root = round_to(DType::f32, std::sqrt(static_cast<double>(config_.hidden)));
    const double scale = family_.embeds_scaled ? round_to(config_.dtype, root) : 1.0;
    simple("embed", OpKind::embedding, {"tokens"}, "embedding/copy", kToken, {{"scale", scale}});
    graph_.ops.back().parameters = {"model.embed_tokens.weight"};
  }

  bool slides(size_t layer) const { return layer < config_.windows.size() && config_.windows[layer] > 0; }
  bool has_own_table(size_t layer) const { return config_.local_rope_theta != 0.0 && slides(layer); }

  /// The tables that some layer reads.
  void rope_tables() {
    size_t own = 0;
    for (size_t layer = 0; layer < static_cast<size_t>(config_.layers); ++layer) own += has_own_table(layer) ? 1 : 0;
    if (own < static_cast<size_t>(config_.layers)) {
      Op& op = rope_table("rope", config_.rope_theta);
      if (config_.rope_scaling) set_rope_scaling(op, *config_.rope_scaling);
    }
    if (own > 0) rope_table("rope_local", config_.local_rope_theta);
  }

  int64_t rotated_channels() const { return config_.rotary_dim != 0 ? config_.rotary_dim : config_.head_dim; }

  Op& rope_table(const std::string& at, double theta) {
    const bool f32 = family_.rotation != Rotation::halves;
    Op& op = add(at + ".table", OpKind::rope_table, {"positions"}, f32 ? "rope-table/f32out" : "rope-table/f32");
    op.attributes = {{"theta", theta}, {"head_dim", rotated_channels()}};
    for (const char* path : {".cos", ".sin"})
      op.outputs.push_back({at + path, f32 ? DType::f32 : config_.dtype, kToken, false});
    inner(op, at + ".inv_freq", DType::f32, {"channel"});
    for (const char* path : {".freqs", ".cos32", ".sin32"}) inner(op, at + path, DType::f32, kToken);
    return op;
  }

  /// `heads` 0: over the last axis of [1,S,w]; else over each head of [1,S,heads*D].
  std::string norm(const std::string& name, const std::string& input, const std::string& weight, int64_t heads) {
    Op& op = add(name, OpKind::rmsnorm, {input}, family_.norm_contract);
    op.parameters = {weight};
    op.attributes = {{"eps", config_.rms_eps}, {"heads", heads}};
    const Axes& axes = heads == 0 ? kToken : kTokenHead;
    const Axes& stat = heads == 0 ? kTokenStat : kTokenHeadStat;
    result(op, op.name + ".out", axes);
    inner(op, op.name + ".x32", DType::f32, axes);
    inner(op, op.name + ".var", DType::f32, stat);
    inner(op, op.name + ".rstd", DType::f32, stat);
    inner(op, op.name + ".n32", DType::f32, axes);
    if (op.contract == "rmsnorm/llama") inner(op, op.name + ".n", config_.dtype, axes);
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
    const bool f32 = family_.rotation != Rotation::halves, pairs = family_.rotation == Rotation::neighbours_f32;
    const std::string table = has_own_table(static_cast<size_t>(layer_)) ? "rope_local" : "rope";
    Op& op = add("attn." + which + "_rope", OpKind::rope, {input, table + ".cos", table + ".sin"},
                 pairs ? "rope/interleaved-f32"
                 : f32 ? "rope/neox-f32"
                       : "rope/neox-t");
    op.attributes = {{"pairing", std::string(pairs ? "interleaved" : "half")}};
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
    if (family_.head_norms != HeadNorms::none) {
      const bool each = family_.head_norms == HeadNorms::each;
      q = norm("attn.q_norm", q, module + "q_norm.weight", each ? config_.heads : 0);
      k = norm("attn.k_norm", k, module + "k_norm.weight", each ? config_.kv_heads : 0);
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
    const double scalar = config_.query_scalar != 0.0 ? config_.query_scalar : static_cast<double>(config_.head_dim);
    const double factor = std::pow(scalar, -0.5);
    const Attributes kv_map = {{"kv_map", std::string("block")}};
    std::string at = simple("attn.scores_raw", OpKind::attn_scores, {in.q, in.k}, eager, kScores, kv_map);
    at = simple("attn.scores_scaled", OpKind::scale, {at}, eager, kScores, {{"factor", factor}});
    if (config_.score_cap != 0.0) at = softcap("attn.scores_capped", at, kScores, config_.score_cap);
    at = simple("attn.scores_masked", OpKind::causal_mask, {at}, eager, kScores, {{"offset", int64_t{0}}});
    if (const auto layer = static_cast<size_t>(layer_); slides(layer))
      graph_.ops.back().attributes["window"] = config_.windows[layer];
    at = softmax(at);
    at = simple("attn.ctx", OpKind::attn_context, {at, in.v}, eager, kHeadToken, kv_map);
    return simple("attn.ctx_merged", OpKind::merge_heads, {at}, "layout/copy", kToken);
  }

  std::string softcap(const std::string& name, const std::string& input, const Axes& axes, double cap) {
    const std::string path = simple(name, OpKind::softcap, {input}, "softcap/rounded", axes, {{"cap", cap}});
    for (const char* part : {".quotient", ".tanh"}) inner(graph_.ops.back(), path + part, config_.dtype, axes);
    return path;
  }

  std::string mlp(const std::string& normed, const std::string& module) {
    const bool bias = config_.mlp_bias;
    const std::string gate = linear("mlp.gate_proj", normed, module + "gate_proj", bias);
    const std::string up = linear("mlp.up_proj", normed, module + "up_proj", bias);
    const bool gelu = family_.activation == Activation::gelu_tanh;
    const std::string act =
        simple("mlp.act", gelu ? OpKind::gelu_tanh : OpKind::silu, {gate}, gelu ? "gelu-tanh/f32" : "silu/f32", kToken);
    const std::string product = simple("mlp.mul", OpKind::multiply, {act, up}, "multiply/rounded", kToken);
    return linear("mlp.down_proj", product, module + "down_proj", bias);
  }

  std::string block(int layer, const std::string& stream) {
    layer_ = layer;
    prefix_ = "layer." + std::to_string(layer) + ".";
    const std::string module = "model.layers." + std::to_string(layer) + ".";
    const NormModules modules(family_);
    const auto block_norm = [&](bool has, const char* name, const std::string& input, const char* weight) {
      return has ? norm(name, input, module + weight + ".weight", 0) : input;
    };
    const bool before = has_norms_before(family_), behind = has_norms_behind(family_);
    const std::string normed = block_norm(before, "in_norm", stream, modules.before_attention);
    const std::string context = attention(project(normed, module + "self_attn."));
    const std::string o =
        linear("attn.o_proj", context, module + "self_attn.o_proj", has_output_bias(config_, family_));
    const std::string attended = block_norm(behind, "attn.post_norm", o, modules.behind_attention);
    const std::string resid1 = simple("resid1", OpKind::add, {stream, attended}, "add/rounded", kToken);
    const std::string normed2 = block_norm(before, "post_norm", resid1, modules.before_mlp);
    const std::string down = block_norm(behind, "mlp.post_norm", mlp(normed2, module + "mlp."), modules.behind_mlp);
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
    const NormModules modules(family);
    const bool before = has_norms_before(family), behind = has_norms_behind(family);
    const auto block_norm = [&](bool has, const char* module) {
      if (has) list.push_back({at + module + ".weight", {hidden}});
    };
    block_norm(before, modules.before_attention);
    if (family.packed) {
      projection("self_attn.qkv_proj", q + 2 * kv, hidden, false);
    } else {
      projection("self_attn.q_proj", q, hidden, config.attention_bias);
      projection("self_attn.k_proj", kv, hidden, config.attention_bias);
      projection("self_attn.v_proj", kv, hidden, config.attention_bias);
    }
    projection("self_attn.o_proj", hidden, q, has_output_bias(config, family));
    if (family.head_norms != HeadNorms::none) {
      const bool each = family.head_norms == HeadNorms::each;
      list.push_back({at + "self_attn.q_norm.weight", {each ? config.head_dim : q}});
      list.push_back({at + "self_attn.k_norm.weight", {each ? config.head_dim : kv}});
    }
    block_norm(behind, modules.behind_attention);
    block_norm(before, modules.before_mlp);
    if (family.packed) {
      projection("mlp.gate_up_proj", 2 * config.intermediate, hidden, false);
    } else {
      projection("mlp.gate_proj", config.intermediate, hidden, config.mlp_bias);
      projection("mlp.up_proj", config.intermediate, hidden, config.mlp_bias);
    }
    projection("mlp.down_proj", hidden, config.intermediate, config.mlp_bias);
    block_norm(behind, modules.behind_mlp);
  }
  list.push_back({"model.norm.weight", {hidden}});
  if (!config.tied) list.push_back(head_parameter(config));
  return list;
}

std::vector<PackedParameter> decoder_packed_parameters(const ModelConfig& config, const Family& family) {
  std::vector<PackedParameter> list;
  if (!family.packed) return list;
  const int64_t q = config.heads * config.head_dim, kv = config.kv_heads * config.head_dim, inner = config.intermediate;
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string at = "model.layers." + std::to_string(layer) + ".";
    const auto name = [&](const char* module) { return at + module + ".weight"; };
    list.push_back({name("self_attn.qkv_proj"),
                    {{name("self_attn.q_proj"), q}, {name("self_attn.k_proj"), kv}, {name("self_attn.v_proj"), kv}}});
    list.push_back({name("mlp.gate_up_proj"), {{name("mlp.gate_proj"), inner}, {name("mlp.up_proj"), inner}}});
  }
  return list;
}

}  // namespace plumbline
