// SPDX-License-Identifier: Apache-2.0
// The tokenizer of a GGUF file as tokenizer.json and tokenizer_config.json, for transformers and our own Tokenizer.
// Invariant: written only if it gives the ids that the file's own tokenizer gives: a byte-level BPE (model "gpt2")
// whose way of cutting text into words is known by name; anything else is refused. Every token keeps its id.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/gguf.h"
#include "model/output_file.h"

namespace plumbline {

/// How a text is cut before merges, by the name that stands under tokenizer.ggml.pre.
struct PreTokenizer {
  std::string_view name;
  bool single_digits;  ///< every digit is a word of its own, before all else
  /// A pattern of words, or "": that of GPT-2.
  std::string_view pattern;
  bool ignore_merges;  ///< a word that is a token is taken whole
};

struct GgufTokenizer {
  const PreTokenizer* pre = nullptr;
  std::vector<std::string_view> tokens;  ///< by id; borrowed from the file, as all texts here
  std::string_view kinds;                ///< tokenizer.ggml.token_type, or empty: all normal
  std::vector<std::string_view> merges;
  std::string_view chat_template;                          ///< may be empty
  int64_t bos = -1, eos = -1, unknown = -1, padding = -1;  ///< -1: none
  bool add_bos = false, add_eos = false;
  int64_t context = 0;
};

/// Checked throughout, so that writing cannot fail for what is in the file. `vocab`: rows of the embedding. Throws
/// CheckpointError naming the key, token or merge.
GgufTokenizer tokenizer_of(const GgufFile& file, int64_t vocab, int64_t context);

/// Token by token, without a copy of them all.
void write_tokenizer(const GgufTokenizer& tokenizer, OutputFile& out);
std::string tokenizer_config(const GgufTokenizer& tokenizer);

}  // namespace plumbline
