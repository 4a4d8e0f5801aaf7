// SPDX-License-Identifier: Apache-2.0
// Globs against paths.
#include "cli/globs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <plumbline/error.h>
#include <plumbline/op_graph.h>
#include <plumbline/tap.h>

#include <algorithm>
#include <set>

namespace plumbline {

void require_matches(const std::string& where, const std::vector<std::string>& globs,
                     const std::vector<std::string>& paths) {
  for (const std::string& glob : globs) {
    if (glob == "*") continue;
    const auto matches = [&](const std::string& path) { return glob_matches(glob, path); };
    if (std::any_of(paths.begin(), paths.end(), matches)) continue;
    std::string name = glob;
    std::erase_if(name, [](char c) { return c == '*' || c == '?'; });
    const std::vector<std::string> near = near_misses(name, paths);
    throw UsageError(fmt::format("{}: no tap matches '{}'", where, glob),
                     {fmt::format("near  {}", near.empty() ? "nothing" : fmt::format("{}", fmt::join(near, ", ")))},
                     "`plumbline ls FILE` lists all taps; * stands for any characters, ? for one");
  }
}

std::vector<std::string> known_paths(const Trace& trace) {
  std::vector<std::string> paths;
  std::set<std::string> seen;
  const auto add = [&](const std::string& path) {
    if (seen.insert(path).second) paths.push_back(path);
  };
  for (const TapEntry& tap : trace.taps()) add(tap.path);
  if (trace.header().graph_json.empty()) return paths;
  const OpGraph graph = op_graph_from_json(trace.header().graph_json);
  for (const Op& op : graph.ops)
    for (const TapSpec& spec : op.outputs) add(spec.path);
  return paths;
}

std::vector<std::string> known_ops(const Trace& trace) {
  std::vector<std::string> names;
  if (trace.header().graph_json.empty()) return names;
  for (Op& op : op_graph_from_json(trace.header().graph_json).ops) names.push_back(std::move(op.name));
  return names;
}

}  // namespace plumbline
