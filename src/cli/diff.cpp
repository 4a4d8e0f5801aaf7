// SPDX-License-Identifier: Apache-2.0
// `plumbline diff`: the whole comparison, or what of it concerns some taps; also without a model (then of values only).
#include <memory>

#include "cli/compare_options.h"
#include "cli/globs.h"
#include "cli/verbs.h"

namespace plumbline {
namespace {

void add_selection(CLI::App& verb, CompareOptions& options) {
  verb.add_option(
          "--select", options.select,
          "Report on taps that match a glob, or whose op does (default: all); repeatable: --select A --select B")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  verb.add_option("--exclude", options.exclude,
                  "Leave out of those the taps that match a glob, or whose op does; repeatable")
      ->type_name("GLOB")
      ->allow_extra_args(false);
}

/// Names that a glob may mean: the taps of both sides, and the ops that their graphs declare.
std::vector<std::string> known_names(const TracePair& traces) {
  std::vector<std::string> names;
  for (const Trace* trace : {&traces.reference, &traces.candidate}) {
    for (std::string& path : known_paths(*trace)) names.push_back(std::move(path));
    for (std::string& op : known_ops(*trace)) names.push_back(std::move(op));
  }
  return names;
}

void check_selection(const CompareOptions& options, const TracePair& traces) {
  if (options.select.empty() && options.exclude.empty()) return;
  const std::vector<std::string> names = known_names(traces);
  require_matches("plumbline diff --select", options.select, names);
  require_matches("plumbline diff --exclude", options.exclude, names);
}

}  // namespace

void add_diff(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand(
      "diff", "Compare the results of all ops: verdict, first diagnostic, grid, largest differences");
  auto options = std::make_shared<CompareOptions>();
  add_compare_options(*verb, *options);
  add_values_only(*verb, *options);
  add_selection(*verb, *options);
  verb->footer(
      "Without a model directory the values are compared and nothing is replayed; any\n"
      "difference is then a divergence. Exit status as for find.\n\n"
      "A selection changes no verdict: all ops are judged, then rows, findings and exit\n"
      "status are those of the selected taps, and what lies outside is counted.\n\n"
      "Examples:\n  plumbline diff ref.h5 cand.h5 -n 30\n"
      "  plumbline diff ref.h5 cand.h5 --select 'layer.3.*' --exclude '*.attn.*'");
  verb->callback([options, &status] {
    const TracePair traces = open_pair(*options);
    check_selection(*options, traces);
    FindReport report = compare_traces(*options, traces, true);
    report.verb = "diff";
    status = finish(report, *options);
  });
}

}  // namespace plumbline
