// SPDX-License-Identifier: Apache-2.0
// `plumbline gate`: diff for continuous integration; too little compared is not a pass.
#include "gate/gate.h"

#include <memory>

#include "cli/compare_options.h"
#include "cli/globs.h"
#include "cli/verbs.h"

namespace plumbline {
namespace {

/// A path that neither trace holds nor declares cannot be missing: allowing it would allow nothing.
void check_globs(const TracePair& traces, const GateOptions& gate) {
  std::vector<std::string> paths = known_paths(traces.reference);
  const std::vector<std::string> more = known_paths(traces.candidate);
  paths.insert(paths.end(), more.begin(), more.end());
  require_matches("plumbline gate --allow-missing", gate.allow_missing, paths);
}

}  // namespace

void add_gate(CLI::App& app, int& status) {
  struct Options {
    CompareOptions compare;
    GateOptions gate;
  };
  CLI::App* verb = app.add_subcommand("gate", "diff for CI: also demands that enough was compared");
  auto options = std::make_shared<Options>();
  add_compare_options(*verb, options->compare);
  verb->add_option("--min-coverage", options->gate.min_coverage, "Share of the reference's ops that must be judged")
      ->capture_default_str();
  verb->add_option("--allow-missing", options->gate.allow_missing, "Globs of taps that one side may lack")
      ->allow_extra_args(false);
  verb->add_flag("--values-only", options->compare.values_only,
                 "Demand equal values instead of judging ops; needs no model")
      ->excludes("--model");
  verb->footer("Example:\n  plumbline gate ref.h5 cand.h5 --min-coverage 0.99 --allow-missing '*.x32'");
  verb->callback([options, &status] {
    const TracePair traces = open_pair(options->compare);
    check_globs(traces, options->gate);
    FindReport report = compare_traces(options->compare, traces, false);
    apply_gate(report, options->gate);
    status = finish(report, options->compare);
  });
}

}  // namespace plumbline
