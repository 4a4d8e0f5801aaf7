// SPDX-License-Identifier: Apache-2.0
#include "model/byte_tokenizer.h"

#include <nlohmann/json.hpp>

namespace plumbline {
namespace {

using Json = nlohmann::ordered_json;

std::string utf8(int code_point) {  // below U+0800, which is all the byte-level alphabet needs
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | (code_point >> 6)), static_cast<char>(0x80 | (code_point & 0x3F))};
}

/// GPT-2's alphabet: printable Latin-1 bytes stand for themselves, the others for U+0100 upwards in order.
Json vocabulary() {
  Json vocabulary = Json::object();
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    vocabulary[utf8(printable ? byte : next++)] = byte;
  }
  return vocabulary;
}

}  // namespace

std::string byte_tokenizer_json() {
  const Json end = {{"id", 256},       {"content", "<|endoftext|>"}, {"single_word", false}, {"lstrip", false},
                    {"rstrip", false}, {"normalized", false},        {"special", true}};
  const Json level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}};
  const Json model = {{"type", "BPE"},
                      {"dropout", nullptr},
                      {"unk_token", nullptr},
                      {"continuing_subword_prefix", nullptr},
                      {"end_of_word_suffix", nullptr},
                      {"fuse_unk", false},
                      {"byte_fallback", false},
                      {"ignore_merges", false},
                      {"vocab", vocabulary()},
                      {"merges", Json::array()}};
  const Json all = {{"version", "1.0"},
                    {"truncation", nullptr},
                    {"padding", nullptr},
                    {"added_tokens", Json::array({end})},
                    {"normalizer", nullptr},
                    {"pre_tokenizer", level},
                    {"post_processor", nullptr},
                    {"decoder", level},
                    {"model", model}};
  return all.dump(1) + "\n";
}

std::string byte_tokenizer_config_json(int64_t max_positions) {
  const Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                       {"eos_token", "<|endoftext|>"},
                       {"pad_token", "<|endoftext|>"},
                       {"clean_up_tokenization_spaces", false},
                       {"model_max_length", max_positions}};
  return config.dump(2) + "\n";
}

}  // namespace plumbline
