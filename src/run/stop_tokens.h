// SPDX-License-Identifier: Apache-2.0
// The ids at which greedy decoding ends, as the model directory states them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <plumbline/model.h>

namespace plumbline::run {

struct StopTokens {
  std::vector<int64_t> ids;  ///< empty: decoding ends only at the number of tokens asked for
  std::string source;        ///< the file that names them
};

/// eos_token_id (a number or a list) of generation_config.json, else of config.json, else none. Throws InputError if
/// generation_config.json is there but is no JSON.
StopTokens stop_tokens(const Model& model);

}  // namespace plumbline::run
