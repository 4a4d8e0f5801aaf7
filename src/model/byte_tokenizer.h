// SPDX-License-Identifier: Apache-2.0
// The tokenizer files of a model whose ids are bytes: 0 to 255, and 256 for the end of a text. As in the trained tiny
// models: a byte-level BPE without merges, which transformers and our own Tokenizer read alike.
#pragma once
#include <cstdint>
#include <string>

namespace plumbline {

std::string byte_tokenizer_json();
std::string byte_tokenizer_config_json(int64_t max_positions);

}  // namespace plumbline
