// SPDX-License-Identifier: Apache-2.0
// The Qwen3 family: its op graph and its parameters, both from the config.
#pragma once
#include <vector>

#include "model/expected_parameters.h"

namespace plumbline {

OpGraph build_qwen3(const ModelConfig& config);
std::vector<ParameterSpec> qwen3_parameters(const ModelConfig& config);

}  // namespace plumbline
