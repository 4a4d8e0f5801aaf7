// SPDX-License-Identifier: Apache-2.0
// `plumbline blame`: which op causes how much of the logits' difference.
#include "cli/blame.h"

#include <memory>

#include <plumbline/error.h>

#include "cli/compare_options.h"
#include "cli/name_map.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/parallel.h"
#include "report/blame.h"

namespace plumbline {
namespace {

struct BlameCall {
  CompareOptions compare;
  int top = 10;
  double resolve = BlameOptions().resolve;
};

/// The first divergences are weighed by themselves, so that they can be held against the culprit.
std::vector<std::string> named_ops(const FindReport& report) {
  constexpr size_t kMost = 8;
  std::vector<std::string> ops;
  for (const Finding& finding : report.findings)
    if (finding.level == Level::error && !finding.op.empty() && ops.size() < kMost) ops.push_back(finding.op);
  return ops;
}

/// A pair that cannot be compared at all (other checkpoint, other prompt) is not blamed on any op.
Blame blame_of(const BlameCall& call, const TracePair& traces, const FindReport& report) {
  if (!report.ops.empty())
    return blame_logits(traces.reference, traces.candidate, load_model(report.model),
                        {call.compare.threads, call.resolve, named_ops(report)});
  Blame none;
  none.reason = report.headline;
  none.comparable = false;
  return none;
}

}  // namespace

std::string blame_section(const CompareOptions& options, const TracePair& traces, const FindReport& report) {
  BlameCall call;
  call.compare = options;
  return blame_text(report, blame_of(call, traces, report), text_codec_or_none(report.model), call.top);
}

void add_blame(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("blame", "Say how much of the logits' difference each op's own error causes");
  auto call = std::make_shared<BlameCall>();
  verb->add_option("REF", call->compare.reference, "Trace of the reference")->required();
  verb->add_option("CAND", call->compare.candidate, "Trace of the candidate")->required();
  add_model_option(*verb, call->compare.model);
  add_map_option(*verb, call->compare.map);
  verb->add_option("--top", call->top, "Contributions to list, the largest first; 0: all, in execution order")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  verb->add_option("--resolve", call->resolve,
                   "Split segments that contribute more than this share of the difference down to single ops")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb->add_option("-j,--threads", call->compare.threads, "Threads (default: all; the result is the same)")
      ->check(CLI::Range(0, kMaxThreads));
  verb->add_flag("--json", call->compare.json, "Print the whole report as JSON");
  verb->footer(
      "The graph's tail is replayed in exact arithmetic from both runs' recorded state\n"
      "after an op; what the op adds to the difference of the logits is its\n"
      "contribution, and all contributions add up to the difference. Exit status as\n"
      "that of find: 0 parity, 1 divergence, 2 unusable input, 3 inconclusive, also if\n"
      "the logits were not recorded.\n\n"
      "Example:\n  plumbline blame ref.h5 cand.h5");
  verb->callback([call, &status] {
    const TracePair traces = open_pair(call->compare);
    const FindReport report = compare_traces(call->compare, traces, false);
    const Blame blame = blame_of(*call, traces, report);
    const TextCodecPtr tokenizer = text_codec_or_none(report.model);
    print(call->compare.json ? blame_json(report, blame, tokenizer) : blame_text(report, blame, tokenizer, call->top));
    status = blame.comparable ? exit_status(report.outcome) : exit_status(Outcome::inconclusive);
  });
}

}  // namespace plumbline
