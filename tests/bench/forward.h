// SPDX-License-Identifier: Apache-2.0
// Whole forward passes without taps: decode under a graph and prefill, against LibTorch eager in C++.
#pragma once
#include <nlohmann/json.hpp>

#include <plumbline/model.h>

namespace plumbline::bench {

/// Tokens a second after `prompt` tokens, `count` of them; the chosen tokens of both must be the same.
nlohmann::json decode_entry(const Model& model, int64_t prompt, int64_t count);
/// Seconds of a prefill of `tokens` until the next token is known, logits of all rows computed and left on the device;
/// on the host, before, those of both must be the same bits.
nlohmann::json prefill_entry(const Model& model, int64_t tokens);

}  // namespace plumbline::bench
