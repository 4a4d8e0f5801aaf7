// SPDX-License-Identifier: Apache-2.0
// Generated tokens as text while they come. Invariant: what has been handed out is never taken back: an unfinished
// character waits for the token that ends it. Without a tokenizer ids are handed out, with blanks between.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <plumbline/model.h>

namespace plumbline::run {

class TextStream {
 public:
  /// `decode` turns ids into text, `given` are the tokens before the first that is added: tokenizers that join words
  /// decode a token by what stands before it. No `decode`: ids.
  using Decode = std::function<std::string(const std::vector<int64_t>&)>;
  TextStream(Decode decode, std::vector<int64_t> given);

  /// What can be shown now that this token is there; may be empty.
  std::string add(int64_t token);
  /// The rest, whole characters or not.
  std::string finish();
  /// Everything that was handed out.
  const std::string& text() const { return shown_; }

 private:
  std::string fresh(bool all);

  Decode decode_;
  std::vector<int64_t> tokens_;
  std::string given_text_, shown_;
  bool first_ = true;
};

/// How many bytes at the end of `text` are the beginning of a UTF-8 character whose other bytes are missing, or a
/// U+FFFD that a tokenizer puts there for such bytes.
size_t unfinished_bytes(const std::string& text);

}  // namespace plumbline::run
