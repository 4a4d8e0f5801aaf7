// SPDX-License-Identifier: Apache-2.0
// What tells one model family from another, as data: names, defaults of absent keys, features of the decoder.
// Invariant: the defaults are those of transformers' config class of the family, because an absent key means them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace plumbline {

struct Family {
  std::string_view architecture;  ///< "Qwen3ForCausalLM"
  std::string_view model_type;    ///< "qwen3"
  int64_t head_dim;               ///< if the key is absent; 0: hidden / heads
  int64_t max_positions;          ///< if the key is absent
  double rope_theta;              ///< if the key is absent; 0: it must be there
  bool qk_norm;                   ///< queries and keys are normed per head before the rotation
  bool reads_mlp_bias;            ///< the key mlp_bias means something
};

/// Or nullptr if no row has that name.
const Family* find_family(std::string_view architecture);
/// "Qwen3ForCausalLM, LlamaForCausalLM".
std::string known_architectures();

}  // namespace plumbline
