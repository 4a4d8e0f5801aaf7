// SPDX-License-Identifier: Apache-2.0
// `plumbline diff`: the whole comparison, also without a model (then of values only).
#include <memory>

#include "cli/compare_options.h"
#include "cli/verbs.h"

namespace plumbline {

void add_diff(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand(
      "diff", "Compare the results of all ops: verdict, first diagnostic, grid, largest differences");
  auto options = std::make_shared<CompareOptions>();
  add_compare_options(*verb, *options);
  verb->footer(
      "Without a model directory the values are compared and nothing is replayed; any\n"
      "difference is then a divergence. Exit status as for find.\n\n"
      "Example:\n  plumbline diff ref.h5 cand.h5 -n 30");
  verb->callback([options, &status] {
    const TracePair traces = open_pair(*options);
    FindReport report = compare_traces(*options, traces, true);
    report.verb = "diff";
    status = finish(report, *options);
  });
}

}  // namespace plumbline
