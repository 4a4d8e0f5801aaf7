// SPDX-License-Identifier: Apache-2.0
// Text into token ids and back, by the rules of a model directory: bytes by ourselves, every other tokenizer by Hugging
// Face's package `tokenizers`, which a Python that is started for it loads. Invariant: ids are those of the directory's
// tokenizer.json, special tokens that it adds to a text included; what cannot be done so is an error, never a guess.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace plumbline {

class TextCodec {
 public:
  virtual ~TextCodec() = default;
  /// Throws InputError for a text that is no UTF-8 where the tokenizer needs it.
  virtual std::vector<int64_t> encode(const std::string& text) const = 0;
  /// Special tokens are spelled out.
  virtual std::string decode(const std::vector<int64_t>& ids) const = 0;
};
using TextCodecPtr = std::shared_ptr<const TextCodec>;

/// Throws InputError (way out: what to install, or --tokens FILE) if the directory has no tokenizer.json, or one that
/// is not of bytes and that no Python here reads. Python: $PLUMBLINE_PYTHON, else the .venv that scripts/setup.sh
/// makes, else python3.
TextCodecPtr load_text_codec(const std::filesystem::path& directory);

/// The same, or nullptr where it would throw: for reports, which show ids then.
TextCodecPtr text_codec_or_none(const std::filesystem::path& directory);

/// The ids of one user's message, after a system's if that is not empty, in the directory's chat template, up to where
/// the answer begins: by Hugging Face's package `transformers`. Throws InputError where there is no template, or no
/// such package.
std::vector<int64_t> chat_tokens(const std::filesystem::path& directory, const std::string& user,
                                 const std::string& system);

}  // namespace plumbline
