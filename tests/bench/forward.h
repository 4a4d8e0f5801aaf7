// SPDX-License-Identifier: Apache-2.0
// Whole forward passes without taps: decode under a graph and prefill, against LibTorch eager in C++.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include <plumbline/model.h>

namespace plumbline::bench {

/// Tokens a second after `prompt` tokens, `count` of them. Under torch/sm90 the chosen tokens of both must be the same;
/// under portable numerics it is told how many of the first are.
nlohmann::json decode_entry(const Model& model, const std::string& numerics, int64_t prompt, int64_t count);
/// Seconds of a prefill of `tokens` until the next token is known, logits of all rows computed and left on the device;
/// on the host, before, those of both must be the same bits.
nlohmann::json prefill_entry(const Model& model, int64_t tokens);

}  // namespace plumbline::bench
