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

}  // namespace

const std::vector<FamilyRow>& families() {
  static const std::vector<FamilyRow> rows = {llama(), qwen2(), mistral(), ernie()};
  return rows;
}

TinyModelOptions fault_host(std::string_view fault, int64_t layers) {
  const RopeScaling scaling{8.0, 1.0, 4.0, 512.0};
  if (fault.starts_with("rope.halves") || fault.starts_with("rope.narrow"))
    return {.layers = layers, .family = "ernie4_5", .rope_scaling = scaling};
  return {.layers = layers,
          .rope_scaling = scaling,
          .attention_bias = true,
          .edit_config = keys({{"use_sliding_window", true}, {"sliding_window", 8}, {"max_window_layers", 0}})};
}

std::function<void(nlohmann::json&)> keys(nlohmann::json added) {
  return [added = std::move(added)](nlohmann::json& config) { config.update(added); };
}

}  // namespace plumbline::test
