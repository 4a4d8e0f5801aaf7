// SPDX-License-Identifier: Apache-2.0
// What `plumbline generate` says of a finished text or a comparison, in words and as JSON.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/next_token_text.h"
#include "run/decode.h"
#include "run/forced_pair.h"
#include "run/generate_options.h"

namespace plumbline::run {

/// A finished run of one backend, or of two.
struct Generated {
  std::vector<int64_t> given, added;                  ///< token ids; a stop token is the last of `added`
  std::optional<std::string> given_text, added_text;  ///< by the model's tokenizer; the stop token left out
  bool stopped = false;                               ///< at a stop token
  double prompt_seconds = 0.0;                        ///< until the first token was chosen
  double token_seconds = 0.0;                         ///< from there to the last
  std::vector<std::string> faults, notes;             ///< planted; how weights were cast
};

/// Lines for standard error: how many tokens at what speed and why no more, then how far they repeat themselves.
std::string generated_text(const Generated& run, const TokenText& text);
std::string generated_json(const GenerateOptions& options, const Generated& run);

/// The report of --against.
std::string comparison_text(const GenerateOptions& options, const Generated& run, const ForcedComparison& comparison,
                            const TokenText& text);
std::string comparison_json(const GenerateOptions& options, const Generated& run, const ForcedComparison& comparison);

}  // namespace plumbline::run
