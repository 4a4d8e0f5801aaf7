// SPDX-License-Identifier: Apache-2.0
// The decoder that Qwen3, Llama, Qwen2, Mistral and ERNIE 4.5 share: its op graph and its parameters, from the config
// and the family's features.
#pragma once
#include <vector>

#include "model/expected_parameters.h"
#include "model/family.h"

namespace plumbline {

OpGraph build_decoder(const ModelConfig& config, const Family& family);
std::vector<ParameterSpec> decoder_parameters(const ModelConfig& config, const Family& family);

}  // namespace plumbline
