// SPDX-License-Identifier: Apache-2.0
// What is fed to the model before anything is generated: a prompt, a file of ids, or the steps of another trace.
// Invariant: every step has at least one token.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "run/options.h"

#include <plumbline/model.h>

namespace plumbline::run {

struct Feed {
  std::vector<std::vector<int64_t>> steps;  ///< tokens of each forward pass
  std::string prompt;                       ///< the text, if there was one

  std::vector<int64_t> tokens() const;  ///< of all steps, in order
};

/// Reads or encodes what the options name and divides it into steps. Throws InputError for a file that is no list of
/// ids, an empty prompt, ids outside the vocabulary, a --prefill longer than the tokens, and for more tokens than the
/// model has positions.
Feed make_feed(const RunOptions& options, const Model& model);

/// Ids of a text: a JSON array, or numbers separated by blanks and commas. Throws InputError naming `source`.
std::vector<int64_t> parse_token_ids(const std::string& text, const std::string& source);

}  // namespace plumbline::run
