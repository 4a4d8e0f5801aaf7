// SPDX-License-Identifier: Apache-2.0
// A small random checkpoint of any family in Hugging Face's layout, so that any test can use a real model.
// Invariant: the same options give the same bytes on every machine (own generator, exact arithmetic, no libm).
#pragma once
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include <plumbline/op_graph.h>

#include "support/raw_safetensors.h"
#include "support/temp_directory.h"

namespace plumbline::test {

struct TinyModelOptions {
  int64_t layers = 2, hidden = 64, heads = 4, kv_heads = 2, head_dim = 32, intermediate = 96, vocab = 320;
  int64_t max_positions = 4096;
  double rope_theta = 1e6, rms_eps = 1e-6;
  bool llama = false;       ///< LlamaForCausalLM: no norm of query and key heads
  std::string family = {};  ///< its model_type, "qwen2", instead of these two
  std::optional<RopeScaling> rope_scaling = {};
  bool tied = true;
  bool store_tied_head = false;    ///< also stores lm_head.weight, equal to the embedding (as Qwen3-0.6B does)
  bool attention_bias = false;     ///< the q, k, v and o projections get a bias
  bool mlp_bias = false;           ///< the gate, up and down projections too (Llama alone reads the key)
  bool new_config_keys = false;    ///< rope_parameters and dtype instead of rope_theta, rope_scaling and torch_dtype
  std::string dtype = "bfloat16";  ///< also "float32", "float16"
  int shards = 1;                  ///< more than one: model-0000i-of-0000n.safetensors and an index
  bool tokenizer = true;           ///< byte-level tokenizer.json; id = byte, 256 = <|endoftext|>
  uint64_t seed = 1;
  /// Last changes to config.json and to the tensors before they are written, for checkpoints that break a rule.
  std::function<void(nlohmann::json&)> edit_config = {};
  std::function<void(std::vector<RawTensor>&)> edit_tensors = {};
};

/// Writes the checkpoint below a temporary directory of its own. Weights: matrices of deviation 1/sqrt(inputs), the
/// embedding 0.05, norm weights near 1 (K norms near 2), so that activations stay of order one in every layer.
TempDirectory write_tiny_model(const TinyModelOptions& options = {});

/// The tensors that write_tiny_model stores, in checkpoint order, before edit_tensors.
std::vector<RawTensor> tiny_tensors(const TinyModelOptions& options);
/// config.json before edit_config.
nlohmann::json tiny_config(const TinyModelOptions& options);
/// The tokenizer.json: a byte-level vocabulary without merges.
nlohmann::json tiny_tokenizer();

}  // namespace plumbline::test
