// SPDX-License-Identifier: Apache-2.0
// Which tensor of a GGUF file each parameter of a Llama comes from, and in which order its rows lie there.
// Invariant: the file holds what the config demands, of that shape, and nothing else; one stored row gives one row.
//
// llama.cpp turns neighbouring channels, transformers channels half a head apart: the converter moves the rows of q and
// k (conversion/llama.py, permute). Of a head of D channels stored row 2j+s is channel s*D/2+j.
#pragma once
#include <string>
#include <vector>

#include <plumbline/model.h>

#include "model/gguf.h"

namespace plumbline {

struct GgufSource {
  std::string name;  ///< of the parameter: "model.layers.0.self_attn.q_proj.weight"
  Shape shape;
  const GgufTensor* stored = nullptr;
  int64_t head_dim = 0;  ///< rows are moved within heads of so many; 0: they lie as they should
};

/// One for each parameter, in the checkpoint's order. Throws CheckpointError naming the tensor that is missing,
/// misshapen or left over.
std::vector<GgufSource> sources_of(const GgufFile& file, const ModelConfig& config);

/// "blk.0.attn_q.weight" of "model.layers.0.self_attn.q_proj.weight".
std::string gguf_name(const std::string& parameter);
/// The stored row that becomes row `row` of the parameter.
int64_t stored_row(const GgufSource& source, int64_t row);
/// `count` numbers of the parameter from the flat element `first` on, widened. `first` is a multiple of 256.
void read_weights(const GgufSource& source, int64_t first, int64_t count, float* out);

}  // namespace plumbline
