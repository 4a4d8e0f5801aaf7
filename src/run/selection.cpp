// SPDX-License-Identifier: Apache-2.0
// Words first, then globs over all paths of the graph.
#include "run/selection.h"

#include <fmt/format.h>

#include <algorithm>

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

std::vector<std::string> all_paths(const OpGraph& graph) {
  std::vector<std::string> paths = graph.inputs;
  for (const Op& op : graph.ops)
    for (const TapSpec& spec : op.outputs) paths.push_back(spec.path);
  return paths;
}

void add_outputs(const OpGraph& graph, TapPaths& selected) {
  selected.insert(graph.inputs.begin(), graph.inputs.end());
  for (const Op& op : graph.ops)
    for (const TapSpec& spec : op.outputs)
      if (!spec.inner) selected.insert(spec.path);
}

void add_matches(const std::string& glob, const std::vector<std::string>& paths, TapPaths& selected) {
  bool matched = false;
  for (const std::string& path : paths) {
    if (!glob_matches(glob, path)) continue;
    selected.insert(path);
    matched = true;
  }
  if (matched) return;
  const std::vector<std::string> near = near_misses(glob, paths);
  throw UsageError("plumbline run: --taps '" + glob + "' matches no tap of this model",
                   {fmt::format("near  {}", near.empty() ? "nothing" : fmt::format("{}", fmt::join(near, ", ")))},
                   "tap paths are in dumps/schema; quote globs from the shell; words are all, outputs, stats and none");
}

}  // namespace

TapPaths selected_taps(const std::vector<std::string>& choices, const OpGraph& graph) {
  const std::vector<std::string> paths = all_paths(graph);
  TapPaths selected;
  for (const std::string& choice : choices) {
    if (choice == "none") {
      if (choices.size() == 1) continue;
      throw UsageError("plumbline run: --taps none stands alone", {fmt::format("given  {}", fmt::join(choices, ", "))},
                       "leave it out, or the others");
    }
    if (choice == "stats") {
      if (choices.size() == 1) selected.insert(paths.begin(), paths.end());
    } else if (choice == "outputs") {
      add_outputs(graph, selected);
    } else {
      add_matches(choice == "all" ? "*" : choice, paths, selected);
    }
  }
  return selected;
}

bool asks_for_statistics(const std::vector<std::string>& choices) {
  return std::find(choices.begin(), choices.end(), "stats") != choices.end();
}

void ReducedTaps::record(const TapSpec& spec, const TensorView& values) {
  if (holds_statistics(spec.axes, values.shape)) return next_.record(spec, values);
  next_.record(statistics_spec(spec), statistics_of(values).view());
}

}  // namespace plumbline::run
