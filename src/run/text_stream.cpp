// SPDX-License-Identifier: Apache-2.0
// Everything is decoded anew for each token, since only whole sequences have a sure text.
#include "run/text_stream.h"

#include <algorithm>

namespace plumbline::run {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// Bytes of the character that starts with `lead`; 1 for what starts none.
size_t length_by_lead(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte >= 0xF0 && byte < 0xF8 ? 4 : byte >= 0xE0 ? byte < 0xF0 ? 3 : 1 : byte >= 0xC2 ? 2 : 1;
}

size_t common_length(const std::string& a, const std::string& b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

}  // namespace

size_t unfinished_bytes(const std::string& text) {
  if (text.ends_with(kReplacement)) return kReplacement.size();
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const char c = text[text.size() - back];
    if (!is_continuation(c)) return length_by_lead(c) > back ? back : 0;
  }
  return 0;
}

TextStream::TextStream(Decode decode, std::vector<int64_t> given)
    : decode_(std::move(decode)), tokens_(std::move(given)), given_text_(decode_ ? decode_(tokens_) : "") {}

std::string TextStream::fresh(bool all) {
  const std::string whole = decode_(tokens_);
  // A tokenizer may spell the end of the given text otherwise once more follows: its text counts from where it differs.
  const size_t start = common_length(given_text_, whole);
  const std::string continuation = whole.substr(start);
  const size_t ready = continuation.size() - (all ? 0 : unfinished_bytes(continuation));
  if (ready <= shown_.size()) return "";
  std::string part = continuation.substr(shown_.size(), ready - shown_.size());
  shown_ += part;
  return part;
}

std::string TextStream::add(int64_t token) {
  tokens_.push_back(token);
  if (decode_) return fresh(false);
  const std::string part = (first_ ? "" : " ") + std::to_string(token);
  first_ = false;
  shown_ += part;
  return part;
}

std::string TextStream::finish() { return decode_ ? fresh(true) : ""; }

}  // namespace plumbline::run
