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
  none,  ///< no key: all attend to every key
  all,   ///< sliding_window: every layer's, unless it is null; absent it means Family::window
  upper  ///< sliding_window, if use_sliding_window: of the layers from max_window_layers on, or as layer_types says
};

struct Family {
  std::string_view architecture;  ///< "Qwen3ForCausalLM"
  std::string_view model_type;    ///< "qwen3"
  int64_t head_dim;               ///< if the key is absent; 0: hidden / heads
  int64_t kv_heads;               ///< if the key is absent; 0: as many as query heads, which a null key always means
  int64_t max_positions;          ///< if the key is absent
  double rope_theta;              ///< if the key is absent; 0: it must be there
  bool tied;                      ///< the head, if the key is absent
  bool qk_norm;                   ///< queries and keys are normed per head before the rotation
  bool rotates_in_f32;            ///< neighbouring channels, in f32; else halves, in the model's format
  Biases biases;
  Windows windows;
  int64_t window;  ///< if the key sliding_window is absent
};

/// Or nullptr if no row has that name.
const Family* find_family(std::string_view architecture);
/// "Qwen3ForCausalLM, LlamaForCausalLM".
std::string known_architectures();

}  // namespace plumbline
