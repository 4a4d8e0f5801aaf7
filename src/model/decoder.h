// SPDX-License-Identifier: Apache-2.0
// The decoder that all known families share: its op graph and its parameters, from the config
// and the family's features.
#pragma once
#include <vector>

#include "model/expected_parameters.h"
#include "model/family.h"

namespace plumbline {

OpGraph build_decoder(const ModelConfig& config, const Family& family);
std::vector<ParameterSpec> decoder_parameters(const ModelConfig& config, const Family& family);
std::vector<PackedParameter> decoder_packed_parameters(const ModelConfig& config, const Family& family);

}  // namespace plumbline
