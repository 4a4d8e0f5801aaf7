// SPDX-License-Identifier: Apache-2.0
// What tells one model family from another, as data: names, defaults of absent keys, features of the decoder.
// Invariant: the defaults are those of transformers' config class of the family, because an absent key means them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace plumbline {

/// Which projections have a bias, and which key says so.
enum class Biases : uint8_t {
  attention,          ///< attention_bias: q, k, v and o
  attention_and_mlp,  ///< that, and mlp_bias: gate, up and down
  qkv_always,         ///< no key: q, k and v have one
  use_bias,           ///< use_bias: all seven
  none                ///< no key: none has
};

/// Which layers have a sliding window, and which keys say so.
enum class Windows : uint8_t {
  none,     ///< no key: all attend to every key
  all,      ///< sliding_window: every layer's, unless it is null; absent it means Family::window
  upper,    ///< sliding_window, if use_sliding_window: of the layers from max_window_layers on, or as layer_types says
  periodic  ///< sliding_window: of all but every window_period-th layer, or as layer_types says
};

/// Which norms a block has, by their places. Names in the graph: in_norm and post_norm stand before attention and MLP,
/// attn.post_norm and mlp.post_norm behind them.
enum class Norms : uint8_t {
  before,  ///< input_layernorm, post_attention_layernorm (which is the norm before the MLP)
  behind,  ///< post_attention_layernorm, post_feedforward_layernorm: of what the branch adds to the stream
  around   ///< all four: input_, post_attention_, pre_feedforward_, post_feedforward_layernorm
};

/// How queries and keys are normed before the rotation.
enum class HeadNorms : uint8_t {
  none,
  each,  ///< each head by itself
  whole  ///< all heads of a token as one row
};

/// Which channels turn together, and in which format.
enum class Rotation : uint8_t {
  halves,         ///< i and i + head_dim / 2, in the model's format
  halves_f32,     ///< the same in f32
  neighbours_f32  ///< 2i and 2i + 1, in f32
};

/// The nonlinearity between gate and product, and which key may say so.
enum class Activation : uint8_t {
  silu,      ///< hidden_act "silu"
  gelu_tanh  ///< hidden_activation "gelu_pytorch_tanh"
};

struct Family {
  std::string_view architecture;  ///< "Qwen3ForCausalLM"
  std::string_view model_type;    ///< "qwen3"
  int64_t head_dim = 0;           ///< if the key is absent; 0: hidden / heads
  int64_t kv_heads = 0;           ///< if the key is absent; 0: as many as query heads, which a null key always means
  int64_t max_positions = 0;      ///< if the key is absent
  double rope_theta = 0.0;        ///< if the key is absent; 0: it must be there
  bool tied = false;              ///< the head, if the key is absent
  Norms norms = Norms::before;
  HeadNorms head_norms = HeadNorms::none;
  std::string_view norm_contract = "rmsnorm/llama";
  Rotation rotation = Rotation::halves;
  Activation activation = Activation::silu;
  Biases biases = Biases::none;
  Windows windows = Windows::none;
  int64_t window = 0;          ///< if the key sliding_window is absent
  int64_t window_period = 0;   ///< Windows::periodic: every so many-th layer has none
  bool embeds_scaled = false;  ///< rows of the embedding are multiplied by sqrt(hidden), rounded to the model's format
  int64_t query_scalar = 0;    ///< scores are scaled by its -1/2 power, if query_pre_attn_scalar is absent; 0: head_dim
  bool caps_scores = false;    ///< attn_logit_softcapping is read; where not, it must be null or absent
  double score_cap = 0.0;      ///< if that key is absent; 0: none
  double logit_cap = 0.0;      ///< if the key final_logit_softcapping is absent; 0: none. Of gelu_tanh families only
  bool packed = false;         ///< q, k, v are rows of one tensor, gate and up of another
  bool rotates_partly = false;  ///< partial_rotary_factor is read, and rope_type longrope; they are refused elsewhere
  int64_t original_positions = 0;  ///< of longrope, if original_max_position_embeddings is absent
  double local_rope_theta = 0.0;   ///< of layers with a window, if rope_local_base_freq is absent; 0: one table for all
};

/// Or nullptr if no row has that name.
const Family* find_family(std::string_view architecture);
/// "Qwen3ForCausalLM, LlamaForCausalLM".
std::string known_architectures();

}  // namespace plumbline
