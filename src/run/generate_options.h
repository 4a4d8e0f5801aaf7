// SPDX-License-Identifier: Apache-2.0
// The command line of `plumbline generate`. Invariant: what parse_generate_options returns is complete and free of
// contradictions; files are not looked at yet.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "run/options.h"
#include "run/sampler.h"

namespace plumbline::run {

struct GenerateOptions {
  RunOptions run;  ///< model, backend, prompt or tokens, prefill, new_tokens, faults, and what a backend is to be like
  std::filesystem::path prompt_file;  ///< in place of prompt and tokens
  std::string against;                ///< the candidate's backend; "": nothing is compared
  Sampling sampling;
  int rows = 10;  ///< of the table of divergences
};

struct ParsedGenerateOptions {
  GenerateOptions options;
  std::optional<std::string> finished;  ///< text of --help or --option-table
};
/// Throws UsageError.
ParsedGenerateOptions parse_generate_options(int argc, const char* const* argv);

/// What is asked of this backend: without the options that only the other one has, and without the faults, which the
/// candidate alone has.
RunOptions side_options(const GenerateOptions& options, const std::string& backend, bool candidate);

}  // namespace plumbline::run
