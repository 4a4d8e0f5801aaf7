// SPDX-License-Identifier: Apache-2.0
// Values: config.json of Qwen/Qwen3-0.6B, TinyLlama/TinyLlama-1.1B-Chat-v1.0, baidu/ERNIE-4.5-0.3B-PT,
// Qwen/Qwen2.5-0.5B, meta-llama/Llama-3.2-1B and mistralai/Mistral-7B-v0.1 as published;
// the tiny ones as scripts/lib/tiny_format.py has them.
#include "model/shape_table.h"

#include <filesystem>

#include <plumbline/error.h>

#include "model/mapped_file.h"

namespace plumbline {
namespace {

std::vector<NamedShape> make_shapes() {
  return {
      {"qwen3-0.6b", R"({"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "attention_bias": false,
 "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu",
 "hidden_size": 1024, "initializer_range": 0.02, "intermediate_size": 3072, "max_position_embeddings": 40960,
 "max_window_layers": 28, "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8,
 "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 1000000, "sliding_window": null,
 "tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_cache": true, "use_sliding_window": false,
 "vocab_size": 151936})",
       true},
      {"tinyllama-1.1b", R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": false,
 "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02,
 "intermediate_size": 5632, "max_position_embeddings": 2048, "num_attention_heads": 32, "num_hidden_layers": 22,
 "num_key_value_heads": 4, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 10000.0,
 "tie_word_embeddings": false, "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 32000})",
       false},
      {"ernie-4.5-0.3b", R"({"architectures": ["Ernie4_5ForCausalLM"], "model_type": "ernie4_5", "bos_token_id": 1,
 "eos_token_id": 2, "head_dim": 128, "hidden_act": "silu", "hidden_size": 1024, "intermediate_size": 3072,
 "max_position_embeddings": 131072, "num_attention_heads": 16, "num_hidden_layers": 18, "num_key_value_heads": 2,
 "pad_token_id": 0, "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "tie_word_embeddings": true,
 "torch_dtype": "bfloat16", "use_bias": false, "use_cache": true, "vocab_size": 103424})",
       false},
      {"qwen2.5-0.5b", R"({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "attention_dropout": 0.0,
 "bos_token_id": 151643, "eos_token_id": 151643, "hidden_act": "silu", "hidden_size": 896, "initializer_range": 0.02,
 "intermediate_size": 4864, "max_position_embeddings": 32768, "max_window_layers": 24, "num_attention_heads": 14,
 "num_hidden_layers": 24, "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
 "sliding_window": 32768, "tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_cache": true,
 "use_sliding_window": false, "vocab_size": 151936})",
       false},
      {"llama-3.2-1b", R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": false,
 "bos_token_id": 128000, "eos_token_id": 128001, "head_dim": 64, "hidden_act": "silu", "hidden_size": 2048,
 "initializer_range": 0.02, "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": false,
 "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8, "rms_norm_eps": 1e-05,
 "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
 "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0,
 "tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 128256})",
       false},
      {"mistral-7b-v0.1", R"({"architectures": ["MistralForCausalLM"], "model_type": "mistral", "bos_token_id": 1,
 "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 14336,
 "max_position_embeddings": 32768, "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
 "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "sliding_window": 4096, "tie_word_embeddings": false,
 "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 32000})",
       false},
      {"qwen3-tiny", R"({"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "attention_bias": false,
 "attention_dropout": 0.0, "eos_token_id": 256, "head_dim": 128, "hidden_act": "silu", "hidden_size": 128,
 "initializer_range": 0.04, "intermediate_size": 64, "max_position_embeddings": 4096, "max_window_layers": 28,
 "num_attention_heads": 4, "num_hidden_layers": 28, "num_key_value_heads": 2, "rms_norm_eps": 1e-06,
 "rope_scaling": null, "rope_theta": 1000000, "sliding_window": null, "tie_word_embeddings": true,
 "torch_dtype": "bfloat16", "use_cache": true, "use_sliding_window": false, "vocab_size": 320})",
       false},
      {"llama-tiny", R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": false,
 "attention_dropout": 0.0, "bos_token_id": 256, "eos_token_id": 256, "head_dim": 64, "hidden_act": "silu",
 "hidden_size": 128, "initializer_range": 0.04, "intermediate_size": 416, "max_position_embeddings": 4096,
 "mlp_bias": false, "num_attention_heads": 4, "num_hidden_layers": 22, "num_key_value_heads": 2, "pretraining_tp": 1,
 "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
 "original_max_position_embeddings": 512, "rope_type": "llama3"}, "rope_theta": 500000.0,
 "tie_word_embeddings": false, "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 320})",
       false},
  };
}

}  // namespace

const std::vector<NamedShape>& named_shapes() {
  static const std::vector<NamedShape> shapes = make_shapes();
  return shapes;
}

NamedShape find_shape(const std::string& name_or_file) {
  std::vector<std::string> names;
  std::string known;
  for (const NamedShape& shape : named_shapes()) {
    if (shape.name == name_or_file) return shape;
    names.push_back(shape.name);
    known += (known.empty() ? "" : ", ") + shape.name;
  }
  std::error_code unreadable;
  if (std::filesystem::is_regular_file(name_or_file, unreadable))
    return {name_or_file, std::string(MappedFile::open(name_or_file)->text()), false};
  std::vector<std::string> details = {"given  " + name_or_file, "known  " + known};
  for (const std::string& near : near_misses(name_or_file, names, 1)) details.push_back("near   " + near);
  throw UsageError("no such shape, nor a file of that name", details,
                   "give one of these names or the path of a config.json");
}

}  // namespace plumbline
