// SPDX-License-Identifier: Apache-2.0
// Llama 3's rope scaling out of a GGUF file, which holds no keys of it but a factor for each pair of channels
// (rope_freqs.weight; llama.cpp, conversion/llama.py).
// Invariant: a scaling is returned only if it gives every stored factor again, to one part in 100,000, and no other of
// those tried does.
#pragma once
#include <optional>
#include <span>

#include <plumbline/op_graph.h>

namespace plumbline {

/// Tried: low_freq_factor 1 and high_freq_factor 4, as every published Llama has them, original lengths of 2^6 to 2^20,
/// and for factor the largest stored.
std::optional<RopeScaling> scaling_of_factors(std::span<const float> factors, double theta);

}  // namespace plumbline
