// SPDX-License-Identifier: Apache-2.0
// The config.json that a GGUF file's keys amount to: architecture llama -> LlamaForCausalLM.
// Invariant: every key of the architecture's own ("llama.*") is used or refused by name, as any of them may change what
// the model computes; no number is invented but the defaults that llama.cpp itself gives absent keys.
#pragma once
#include <string>

#include <plumbline/model.h>

#include "model/gguf.h"

namespace plumbline {

struct GgufConfig {
  std::string json;     ///< the text of config.json
  ModelConfig config;   ///< the same, read back as load_model reads it
  std::string scaling;  ///< what was made of rope_freqs.weight, in words; "" without it
};

/// `dtype`: what the weights are written in. Throws CheckpointError naming file and key (or tensor).
GgufConfig config_of(const GgufFile& file, DType dtype);

}  // namespace plumbline
