// SPDX-License-Identifier: Apache-2.0
// Fused RMSNorm+QKV of the Qwen3-0.6B shape against LibTorch eager in C++: bits first, then time.
#pragma once
#include <nlohmann/json.hpp>

namespace plumbline::bench {

/// One entry for each number of rows. Throws std::runtime_error if a bit differs: a wrong kernel has no speed.
nlohmann::json qkv_entries();

}  // namespace plumbline::bench
