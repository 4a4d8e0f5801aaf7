// SPDX-License-Identifier: Apache-2.0
// Prompts of the tests have 16 tokens and more: windows are smaller, and with 64 as original length they meet all three
// bands of a llama3 rope scaling (wavelengths below 16 are kept, above 64 divided).
#include "support/families.h"

#include <nlohmann/json.hpp>

namespace plumbline::test {
namespace {

FamilyRow llama() {
  const RopeScaling scaling{8.0, 1.0, 4.0, 64.0};
  return {"LlamaForCausalLM",
          {{.layers = 4,
            .rope_theta = 1e4,
            .rms_eps = 1e-5,
            .llama = true,
            .rope_scaling = scaling,
            .tied = false,
            .mlp_bias = true,
            .seed = 21},
           {.heads = 2,
            .kv_heads = 1,
            .head_dim = 128,
            .rope_theta = 5e5,
            .rms_eps = 1e-5,
            .llama = true,
            .rope_scaling = RopeScaling{32.0, 1.0, 4.0, 8192.0},
            .seed = 22},
           {.hidden = 48,
            .heads = 3,
            .kv_heads = 3,
            .head_dim = 16,
            .intermediate = 72,
            .llama = true,
            .rope_scaling = RopeScaling{3.0, 0.7, 2.3, 100.0},
            .new_config_keys = true,
            .seed = 23}},
          {{"rope.scaling_ignored", "P0615"},
           {"rope.scaling_factor=4", "P0615"},
           {"rope.theta=1e5@layer.1", "P0614"},
           {"rope.interleaved@layer.2", "P0617"},
           {"gqa.map@layer.3", "P0618"},
           {"attn.k_v_swapped@layer.2", "P0607"},
           {"mlp.gate_up_swapped@layer.1", "P0607"},
           {"norm.weight_missing@layer.2.post_norm", "P0602"},
           {"weight.wrong_layer@layer.3.attn.k_proj", "P0607"},
           {"bias.lost@layer.2.mlp.up_proj", "the bias is not added"},
           {"softmax.head_dim_derived@layer.2", "P0619"},
           {"head.untied", "P0403"}}};
}

FamilyRow qwen2() {
  return {"Qwen2ForCausalLM",
          {{.layers = 4,
            .family = "qwen2",
            .tied = false,
            .seed = 31,
            .edit_config = keys({{"use_sliding_window", true}, {"sliding_window", 6}, {"max_window_layers", 2}})},
           {.heads = 2, .kv_heads = 1, .head_dim = 128, .family = "qwen2", .seed = 32},
           {.hidden = 48,
            .heads = 3,
            .kv_heads = 3,
            .head_dim = 16,
            .intermediate = 72,
            .family = "qwen2",
            .new_config_keys = true,
            .seed = 33,
            .edit_config = [](nlohmann::json& config) { config.erase("head_dim"); }}},
          {{"bias.lost@layer.1.attn.k_proj", "the bias is not added"},
           {"bias.lost@layer.3.attn.v_proj", "the bias is not added"},
           {"bias.uninitialised=1@layer.2.attn.o_proj", "a bias is added"},
           {"softmax.head_dim_derived@layer.2", "P0619"},
           {"mask.window_off_by_one@layer.3", "the sliding window holds 7 keys, not 6"},
           {"mask.window_ignored@layer.2", "the sliding window of 6 keys is not applied"},
           {"kernel.window=6@layer.1.attn.scores_masked", "a sliding window of 6 keys is applied"},
           {"rope.theta=1e4@layer.1", "P0614"},
           {"rope.interleaved@layer.2", "P0617"},
           {"gqa.map@layer.3", "P0618"},
           {"weight.wrong_layer@layer.3.attn.k_proj", "P0607"},
           {"norm.single_rounding@layer.2.in_norm", "rmsnorm/olmo"}}};
}

FamilyRow mistral() {
  return {
      "MistralForCausalLM",
      {{.layers = 4,
        .rms_eps = 1e-5,
        .family = "mistral",
        .tied = false,
        .seed = 41,
        .edit_config = keys({{"sliding_window", 6}})},
       {.hidden = 48,
        .heads = 3,
        .kv_heads = 1,
        .head_dim = 24,
        .intermediate = 72,
        .family = "mistral",
        .new_config_keys = true,
        .seed = 42,
        .edit_config = keys({{"sliding_window", 9}, {"layer_types", {"sliding_attention", "sliding_attention"}}})},
       // No window (the key is null, as tiny_config has it), and one of more keys than there are (the key is absent).
       {.heads = 2, .kv_heads = 1, .head_dim = 128, .family = "mistral", .tied = false, .seed = 43},
       {.head_dim = 16,
        .family = "mistral",
        .seed = 44,
        .edit_config =
            [](nlohmann::json& config) {
              for (const char* key : {"sliding_window", "head_dim", "rope_theta"}) config.erase(key);
            }}},
      {{"mask.window_off_by_one@layer.3", "the sliding window holds 7 keys, not 6"},
       {"mask.window_off_by_one@layer.0", "the sliding window holds 7 keys, not 6"},
       {"mask.window_ignored@layer.2", "the sliding window of 6 keys is not applied"},
       {"kernel.window=5@layer.1.attn.scores_masked", "the sliding window holds 5 keys, not 6"},
       {"mask.off_by_one@layer.1", "P0620"},
       {"mask.latest_lost=2@layer.2", "P0620"},
       {"softmax.head_dim_derived@layer.2", "P0619"},
       {"rope.theta=1e4@layer.1", "P0614"},
       {"rope.interleaved@layer.2", "P0617"},
       {"gqa.map@layer.3", "P0618"},
       {"weight.pairs_interleaved@layer.1.attn.q_proj", "P0612"},
       {"bias.uninitialised=1@layer.2.attn.o_proj", "a bias is added"},
       {"weight.transposed@layer.2.mlp.gate_proj", "P0608"}}};
}

FamilyRow ernie() {
  return {"Ernie4_5ForCausalLM",
          {{.layers = 4,
            .rope_theta = 5e5,
            .rms_eps = 1e-5,
            .family = "ernie4_5",
            .attention_bias = true,
            .mlp_bias = true,
            .seed = 51,
            .edit_config = [](nlohmann::json& config) { config.erase("tie_word_embeddings"); }},
           {.heads = 2,
            .kv_heads = 1,
            .head_dim = 128,
            .rms_eps = 1e-5,
            .family = "ernie4_5",
            .seed = 52,
            .edit_config =
                [](nlohmann::json& config) {
                  for (const char* key : {"head_dim", "rope_theta", "tie_word_embeddings", "use_bias"})
                    config.erase(key);
                }},
           {.hidden = 48,
            .heads = 3,
            .kv_heads = 3,
            .head_dim = 20,
            .intermediate = 72,
            .rope_theta = 5e5,
            .family = "ernie4_5",
            .tied = false,
            .new_config_keys = true,
            .seed = 53}},
          {{"rope.halves@layer.1", "P0617"},
           {"rope.halves@layer.2.attn.k_rope", "P0617"},
           {"rope.narrow@layer.2", "the rotation is in bf16"},
           {"head.untied", "P0404"},
           {"rope.theta=1e4@layer.1", "P0614"},
           {"softmax.head_dim_derived@layer.2", "P0619"},
           {"bias.lost@layer.3.attn.v_proj", "the bias is not added"},
           {"bias.lost@layer.1.mlp.down_proj", "the bias is not added"},
           {"gqa.map@layer.3", "P0618"},
           {"kernel.rope_half@layer.1.attn.q_rope", "P0617"},
           {"kernel.position_off_by_one@layer.2.attn.k_rope", "P0616"},
           {"norm.single_rounding@layer.2.in_norm", "rmsnorm/olmo"}}};
}

FamilyRow olmo2() {
  return {"Olmo2ForCausalLM",
          {{.layers = 4, .rope_theta = 5e5, .family = "olmo2", .tied = false, .attention_bias = true, .seed = 61},
           {.heads = 2,
            .kv_heads = 1,
            .head_dim = 128,
            .rope_theta = 5e5,
            .family = "olmo2",
            .rope_scaling = RopeScaling{8.0, 1.0, 4.0, 64.0},
            .seed = 62},
           {.hidden = 48,
            .heads = 3,
            .kv_heads = 3,
            .head_dim = 16,
            .intermediate = 72,
            .rope_theta = 5e5,
            .family = "olmo2",
            .new_config_keys = true,
            .seed = 63,
            .edit_config =
                [](nlohmann::json& config) {
                  for (const char* key : {"head_dim", "num_key_value_heads"}) config.erase(key);
                }}},
          {{"norm.two_roundings@layer.1", "rmsnorm/llama"},
           {"norm.two_roundings@layer.2.attn.k_norm", "rmsnorm/llama"},
           {"norm.before@layer.1", "attn.post_norm.out in place of"},
           {"norm.dropped@layer.2.attn.post_norm", "was left out"},
           {"norm.dropped@layer.1.attn.q_norm", "was left out"},
           {"norm.weight_missing@layer.2.mlp.post_norm", "P0602"},
           {"rope.narrow@layer.2", "the rotation is in bf16"},
           {"rope.interleaved@layer.2", "P0617"},
           {"rope.theta=1e4@layer.1", "P0614"},
           {"gqa.map@layer.3", "P0618"},
           {"softmax.head_dim_derived@layer.2", "P0619"},
           {"bias.lost@layer.3.attn.o_proj", "the bias is not added"},
           {"weight.wrong_layer@layer.3.attn.k_proj", "P0607"}}};
}

FamilyRow olmo3() {
  return {"Olmo3ForCausalLM",
          {{.layers = 4,
            .rope_theta = 5e5,
            .family = "olmo3",
            .tied = false,
            .attention_bias = true,
            .seed = 101,
            .edit_config = keys({{"sliding_window", 6}})},
           {.heads = 2,
            .kv_heads = 1,
            .head_dim = 128,
            .rope_theta = 5e5,
            .family = "olmo3",
            .seed = 102,
            .edit_config =
                [](nlohmann::json& config) {
                  for (const char* key : {"rope_theta", "sliding_window"}) config.erase(key);
                }},
           {.layers = 3,
            .hidden = 48,
            .heads = 3,
            .kv_heads = 3,
            .head_dim = 16,
            .intermediate = 72,
            .family = "olmo3",
            .new_config_keys = true,
            .seed = 103,
            .edit_config =
                [](nlohmann::json& config) {
                  for (const char* key : {"head_dim", "num_key_value_heads"}) config.erase(key);
                  config["sliding_window"] = 9;
                  config["layer_types"] = {"full_attention", "sliding_attention", "full_attention"};
                  config["rope_parameters"] = {
                      {"full_attention", {{"rope_type", "default"}, {"rope_theta", 500000.0}}},
                      {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 20000.0}}}};
                }}},
          {{"norm.two_roundings@layer.1", "rmsnorm/llama"},
           {"norm.two_roundings@layer.2.attn.k_norm", "rmsnorm/llama"},
           {"norm.before@layer.1", "attn.post_norm.out in place of"},
           {"norm.dropped@layer.2.attn.post_norm", "was left out"},
           {"rope.theta=1e6@layer.1", "P0614"},  // of a layer with a window
           {"rope.theta=1e4@layer.3", "P0614"},  // of one without
           {"rope.narrow@layer.2", "the rotation is in bf16"},
           {"rope.interleaved@layer.2", "P0617"},
           {"mask.window_off_by_one@layer.2", "the sliding window holds 7 keys, not 6"},
           {"mask.window_ignored@layer.1", "the sliding window of 6 keys is not applied"},
           {"kernel.window=6@layer.3.attn.scores_masked", "a sliding window of 6 keys is applied"},
           {"gqa.map@layer.3", "P0618"},
           {"softmax.head_dim_derived@layer.2", "P0619"},
           {"bias.lost@layer.3.attn.o_proj", "the bias is not added"}}};
}

FamilyRow gemma2() {
  return {"Gemma2ForCausalLM",
          {{.layers = 4,
            .rope_theta = 1e4,
            .family = "gemma2",
            .attention_bias = true,
            .seed = 71,
            .edit_config = keys({{"sliding_window", 6},
                                 {"query_pre_attn_scalar", 24},
                                 {"attn_logit_softcapping", 3.0},
                                 {"final_logit_softcapping", 2.5}})},
           {.heads = 2,
            .kv_heads = 1,
            .head_dim = 256,
            .rope_theta = 1e4,
            .family = "gemma2",
            .new_config_keys = true,
            .seed = 72,
            .edit_config =
                [](nlohmann::json& config) {
                  for (const char* key : {"head_dim", "tie_word_embeddings"}) config.erase(key);
                  config["hidden_act"] = "gelu_pytorch_tanh";
                }},
           {.hidden = 48,
            .heads = 3,
            .kv_heads = 3,
            .head_dim = 20,
            .intermediate = 72,
            .rope_theta = 1e4,
            .family = "gemma2",
            .tied = false,
            .seed = 73,
            .edit_config = keys({{"attn_logit_softcapping", nullptr},
                                 {"final_logit_softcapping", 33.3},
                                 {"query_pre_attn_scalar", 20},
                                 {"sliding_window", 9},
                                 {"layer_types", {"full_attention", "sliding_attention"}}})},
           {.rope_theta = 1e4,
            .family = "gemma2",
            .seed = 74,
            .edit_config = keys({{"attn_logit_softcapping", 0.7}, {"final_logit_softcapping", nullptr}})}},
          {{"norm.offset_lost@layer.2.post_norm", "rmsnorm/olmo"},
           {"norm.weight_reduced@layer.2.post_norm", "w - 1"},
           {"norm.weight_offset@layer.1.attn.post_norm", "1 + w"},
           {"norm.dropped@layer.2.mlp.post_norm", "was left out"},
           {"softcap.dropped@layer.2", "was left out"},
           {"softcap.dropped@logits", "the soft cap is not applied"},
           {"softcap.cap=2.5@layer.1", "the soft cap is 2.5"},
           {"softcap.cap=3@logits", "the soft cap is 3"},
           {"embed.scale=1@embed", "P0619"},
           {"mlp.act_exchanged@layer.1", "SiLU, not GELU (tanh)"},
           {"mask.window_ignored@layer.2", "the sliding window of 6 keys is not applied"},
           {"kernel.window=6@layer.1.attn.scores_masked", "a sliding window of 6 keys is applied"},
           {"softmax.temperature=1.1547005@layer.1", "P0619"},  // head_dim in place of query_pre_attn_scalar
           {"gqa.map@layer.3", "P0618"},
           {"bias.lost@layer.3.attn.v_proj", "the bias is not added"}}};
}

FamilyRow gemma3() {
  return {"Gemma3ForCausalLM",
          {{.layers = 4,
            .rope_theta = 1e6,
            .family = "gemma3_text",
            .seed = 81,
            .edit_config = keys({{"sliding_window", 6},
                                 {"sliding_window_pattern", 3},
                                 {"rope_local_base_freq", 10000.0},
                                 {"query_pre_attn_scalar", 32},
                                 {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}}})},
           {.heads = 2,
            .kv_heads = 1,
            .head_dim = 256,
            .family = "gemma3_text",
            .seed = 82,
            .edit_config =
                [](nlohmann::json& config) {
                  for (const char* key : {"head_dim", "tie_word_embeddings", "rope_theta", "rope_scaling"})
                    config.erase(key);
                  config["sliding_window"] = 7;
                }},
           {.hidden = 48,
            .heads = 3,
            .kv_heads = 3,
            .head_dim = 20,
            .intermediate = 72,
            .family = "gemma3_text",
            .tied = false,
            .attention_bias = true,
            .new_config_keys = true,
            .seed = 83,
            .edit_config =
                [](nlohmann::json& config) {
                  config["layer_types"] = {"full_attention", "sliding_attention"};
                  config["sliding_window"] = 9;
                  config["final_logit_softcapping"] = 20.0;
                  config["rope_parameters"] = {
                      {"full_attention", {{"rope_type", "linear"}, {"factor", 3.0}, {"rope_theta", 1000000.0}}},
                      {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 20000.0}}}};
                }}},
          {{"norm.offset_lost@layer.1.attn.q_norm", "rmsnorm/olmo"},
           {"rope.theta=1e6@layer.1", "P0614"},  // the other layers' table in one with a window
           {"rope.theta=1e4@layer.2", "P0614"},
           {"rope.scaling_ignored@rope.table", "P0615"},
           {"mask.window_off_by_one@layer.3", "the sliding window holds 7 keys, not 6"},
           {"mask.window_ignored@layer.1", "the sliding window of 6 keys is not applied"},
           {"norm.weight_reduced@layer.1.attn.k_norm", "w - 1"},
           {"norm.weight_offset@layer.2.in_norm", "1 + w"},
           {"norm.dropped@layer.2.attn.post_norm", "was left out"},
           {"k_norm.dropped@layer.3", "was left out"},
           {"embed.scale=1@embed", "P0619"},
           {"mlp.act_exchanged@layer.1", "SiLU, not GELU (tanh)"},
           {"gqa.map@layer.3", "P0618"},
           {"kernel.rope_half@layer.1.attn.q_rope", "P0617"}}};
}

/// longrope's keys, with factors that grow along the pairs.
nlohmann::json longrope(int64_t pairs, const char* type) {
  nlohmann::json keys = {
      {"type", type}, {"short_factor", nlohmann::json::array()}, {"long_factor", nlohmann::json::array()}};
  for (int64_t i = 0; i < pairs; ++i) {
    keys["short_factor"].push_back(1.0 + 0.05 * static_cast<double>(i));
    keys["long_factor"].push_back(1.5 + 0.75 * static_cast<double>(i));
  }
  return keys;
}

FamilyRow phi3() {
  return {"Phi3ForCausalLM",
          {{.layers = 4,
            .hidden = 128,
            .rope_theta = 1e4,
            .rms_eps = 1e-5,
            .family = "phi3",
            .tied = false,
            .seed = 91,
            .edit_config =
                [](nlohmann::json& config) {
                  config.erase("head_dim");
                  config["sliding_window"] = 6;
                  config["partial_rotary_factor"] = 0.75;
                  config["rope_scaling"] = longrope(12, "longrope");
                  config["original_max_position_embeddings"] = 14;  // passed while the kernels decode
                }},
           {.hidden = 96,
            .heads = 1,
            .kv_heads = 1,
            .head_dim = 96,
            .rope_theta = 1e4,
            .rms_eps = 1e-5,
            .family = "phi3",
            .tied = false,
            .seed = 92,
            .edit_config =
                [](nlohmann::json& config) {
                  for (const char* key : {"head_dim", "num_key_value_heads", "sliding_window"}) config.erase(key);
                }},
           {.hidden = 48,
            .heads = 3,
            .kv_heads = 3,
            .head_dim = 16,
            .intermediate = 72,
            .family = "phi3",
            .new_config_keys = true,
            .seed = 93,
            .edit_config =
                [](nlohmann::json& config) {
                  nlohmann::json rope = longrope(4, "longrope");
                  rope.update({{"rope_type", "longrope"},
                               {"rope_theta", 50000.0},
                               {"partial_rotary_factor", 0.5},
                               {"attention_factor", 1.25}});
                  config["rope_parameters"] = rope;
                  config["original_max_position_embeddings"] = 9;
                }}},
          {{"rope.factors_exchanged@rope.table", "P0615"},
           {"rope.attention_factor_lost@rope.table", "attention factor"},
           {"rope.scaling_ignored@rope.table", "P0615"},
           {"rope.partial_ignored@layer.2", "all 32 channels of a head are rotated"},
           {"rope.interleaved@layer.1", "P0617"},
           {"attn.k_v_swapped@layer.2", "P0607"},
           {"mlp.gate_up_swapped@layer.1", "P0607"},
           {"mask.window_off_by_one@layer.3", "the sliding window holds 7 keys, not 6"},
           {"mask.window_ignored@layer.0", "the sliding window of 6 keys is not applied"},
           {"softmax.temperature=2@layer.2", "P0619"},
           {"gqa.map@layer.3", "P0618"},
           {"norm.single_rounding@layer.2.in_norm", "rmsnorm/olmo"},
           {"weight.wrong_layer@layer.3.attn.k_proj", "P0607"}}};
}

}  // namespace

const std::vector<FamilyRow>& families() {
  static const std::vector<FamilyRow> rows = {llama(), qwen2(),  mistral(), ernie(), olmo2(),
                                              olmo3(), gemma2(), gemma3(),  phi3()};
  return rows;
}

TinyModelOptions fault_host(std::string_view fault, int64_t layers) {
  const RopeScaling scaling{8.0, 1.0, 4.0, 512.0};
  if (fault.starts_with("rope.halves") || fault.starts_with("rope.narrow"))
    return {.layers = layers, .family = "ernie4_5", .rope_scaling = scaling};
  if (fault.starts_with("norm.two_roundings") || fault.starts_with("norm.before"))
    return {.layers = layers, .family = "olmo2", .rope_scaling = scaling};
  if (fault.starts_with("softcap.") || fault.starts_with("norm.offset_lost"))
    return {.layers = layers, .family = "gemma2", .rope_scaling = scaling};
  for (const char* name : {"rope.factors_exchanged", "rope.attention_factor_lost", "rope.partial_ignored"}) {
    if (!fault.starts_with(name)) continue;
    TinyModelOptions host = phi3().models.front();
    host.layers = layers;
    return host;
  }
  return {.layers = layers,
          .rope_scaling = scaling,
          .attention_bias = true,
          .edit_config = keys({{"use_sliding_window", true}, {"sliding_window", 8}, {"max_window_layers", 0}})};
}

std::function<void(nlohmann::json&)> keys(nlohmann::json added) {
  return [added = std::move(added)](nlohmann::json& config) { config.update(added); };
}

}  // namespace plumbline::test
