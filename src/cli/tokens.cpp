// SPDX-License-Identifier: Apache-2.0
// `plumbline tokens`: what two runs said, and how close the choice was where they part.
#include "report/tokens.h"

#include <memory>

#include <plumbline/error.h>

#include "cli/compare_options.h"
#include "cli/output.h"
#include "cli/verbs.h"

namespace plumbline {
namespace {

/// The tokenizer of the given directory, or of the one that the traces name; none if there is none.
TextCodecPtr tokenizer_for(const std::optional<std::string>& given, const TracePair& traces) {
  if (given) return load_text_codec(*given);
  for (const Trace* trace : {&traces.reference, &traces.candidate}) {
    const std::string& directory = trace->header().model_directory;
    if (directory.empty()) continue;
    if (TextCodecPtr found = text_codec_or_none(directory))
      return found;  // moved away, or of no use here: ids are shown
  }
  return nullptr;
}

/// With `choices` what both would have said next counts at every position, not only what was fed.
int status_of(const TokenReport& report, bool choices) {
  if (report.alignment.difference) return report.alignment.in_prompt ? 3 : 1;
  if (report.stated == 0 || (choices && report.next.empty())) return 3;
  return choices && report.first_other_choice() != nullptr ? 1 : 0;
}

}  // namespace

void add_tokens(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("tokens", "Both texts, the first differing token, its margin, KL per position");
  auto options = std::make_shared<CompareOptions>();
  verb->add_option("REF", options->reference, "Trace of the reference")->required();
  verb->add_option("CAND", options->candidate, "Trace of the candidate")->required();
  add_model_option(*verb, options->model);
  verb->add_option("-n,--rows", options->rows, "Positions in the table, largest divergence first")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  verb->add_flag("--ignore-digests", options->ignore_digests, "Compare the tokens of different checkpoints too");
  auto choices = std::make_shared<bool>(false);
  verb->add_flag("--choices", *choices, "Of runs fed one given text: another likeliest token at any position is 1 too");
  verb->add_flag("--json", options->json, "Print the whole report as JSON");
  verb->footer(
      "Logits are compared only at positions whose tokens agree so far.\n"
      "Exit status: 0 the same tokens, 1 a generated token differs, 2 unreadable,\n"
      "3 the prompts or checkpoints differ, or no token is stated on both sides.\n"
      "With --choices also 1 where the likeliest next token differs, 3 without logits.\n\n"
      "Example:\n  plumbline tokens ref.h5 cand.h5");
  verb->callback([options, choices, &status] {
    const TracePair traces = open_pair(options->reference, options->candidate);
    const TokenReport report = compare_tokens(traces.reference, traces.candidate, options->ignore_digests);
    const TextCodecPtr tokenizer = tokenizer_for(options->model, traces);
    print(options->json ? tokens_json(report, tokenizer) : tokens_text(report, tokenizer, options->rows));
    status = status_of(report, *choices);
  });
}

}  // namespace plumbline
