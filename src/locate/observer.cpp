// SPDX-License-Identifier: Apache-2.0
// Results as digests of the common taps; suspects as differences of sets of paths.
#include "locate/observer.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/hash.h"

namespace plumbline {
namespace {

using Paths = std::set<std::string>;

Paths paths_of(const Trace& trace) {
  Paths paths;
  for (const TapEntry& tap : trace.taps()) paths.insert(tap.path);
  return paths;
}

bool is_fed(const std::string& path) { return path == "tokens" || path == "positions"; }

/// What the run was given, as its taps or steps say; empty if it does not.
std::vector<int64_t> tokens_of(const Trace& trace) {
  std::vector<int64_t> tokens;
  for (const Step& step : trace.steps()) tokens.insert(tokens.end(), step.tokens.begin(), step.tokens.end());
  if (!tokens.empty()) return tokens;
  for (const TapEntry& tap : trace.taps()) {
    if (tap.path != "tokens") continue;
    const Tensor values = trace.read(tap);
    for (int64_t i = 0; i < values.count(); ++i) tokens.push_back(static_cast<int64_t>(values.view().at(i)));
  }
  return tokens;
}

std::string obstacle(const Trace& first, const Trace& other) {
  const auto pair = fmt::format("{} and {}", first.file().string(), other.file().string());
  const auto &files = first.header().files, &others = other.header().files;
  if (!files.empty() && !others.empty() && files != others) return pair + " were made from different checkpoints";
  const std::vector<int64_t> tokens = tokens_of(first), theirs = tokens_of(other);
  if (!tokens.empty() && !theirs.empty() && tokens != theirs) return pair + " were fed different tokens";
  return "";
}

/// The paths that all runs recorded, in the first run's order.
std::vector<std::string> common_paths(const std::vector<Trace>& runs, const std::vector<Paths>& paths) {
  std::vector<std::string> common;
  Paths seen;
  for (const TapEntry& tap : runs.front().taps()) {
    const auto has = [&](const Paths& each) { return each.contains(tap.path); };
    if (!is_fed(tap.path) && seen.insert(tap.path).second && std::all_of(paths.begin(), paths.end(), has))
      common.push_back(tap.path);
  }
  return common;
}

std::string digest_of(const Trace& run, const TapEntry& tap) {
  const Tensor values = run.read(tap);
  return fmt::format("{} {} {}", dtype_name(tap.dtype), to_string(tap.shape), xxh3_128_hex(values.view().bytes()));
}

/// Step and path -> digest.
std::map<std::pair<int64_t, std::string>, std::string> result_of(const Trace& run, const Paths& common) {
  std::map<std::pair<int64_t, std::string>, std::string> result;
  for (const TapEntry& tap : run.taps())
    if (common.contains(tap.path)) result[{tap.step, tap.path}] = digest_of(run, tap);
  return result;
}

void find_first_difference(const std::vector<Trace>& runs,
                           const std::vector<std::map<std::pair<int64_t, std::string>, std::string>>& results,
                           ObserverReport& report) {
  for (const TapEntry& tap : runs.front().taps()) {
    const std::pair key(tap.step, tap.path);
    const auto here = results.front().find(key);
    if (here == results.front().end()) continue;
    const bool same = std::all_of(results.begin(), results.end(), [&](const auto& other) {
      const auto there = other.find(key);
      return there != other.end() && there->second == here->second;
    });
    if (same) continue;
    report.first = tap.path;
    report.first_step = tap.step;
    return;
  }
}

/// Runs that record the same taps and differ vary from run to run, whoever looks.
std::string variation(const ObserverReport& report, const std::vector<Paths>& paths) {
  for (size_t i = 0; i < paths.size(); ++i)
    for (size_t k = i + 1; k < paths.size(); ++k)
      if (paths[i] == paths[k] && report.runs[i].result != report.runs[k].result)
        return fmt::format("{} and {} record the same taps and differ: the engine varies from run to run",
                           report.runs[i].file, report.runs[k].file);
  return "";
}

Suspects suspects_of(size_t result, const std::vector<Trace>& runs, const std::vector<Paths>& paths,
                     const ObserverReport& report) {
  Suspects suspects{result, {}};
  const auto decides = [&](const std::string& path) {
    for (size_t i = 0; i < paths.size(); ++i)
      if (paths[i].contains(path) != (report.runs[i].result == result)) return false;
    return true;
  };
  Paths seen;
  for (const Trace& run : runs)
    for (const TapEntry& tap : run.taps())
      if (seen.insert(tap.path).second && decides(tap.path)) suspects.paths.push_back(tap.path);
  return suspects;
}

ObservedRun run_of(const Trace& trace, const Paths& paths) {
  ObservedRun run{trace.file().string(), paths.size(), 0, 0};
  for (const TapEntry& tap : trace.taps()) run.bytes += tap.byte_size;
  return run;
}

}  // namespace

ObserverReport compare_observed(const std::vector<Trace>& runs) {
  if (runs.size() < 2) throw UsageError("plumbline observer: one run has nothing to be compared with", {}, "give two");
  ObserverReport report;
  std::vector<Paths> paths;
  for (const Trace& run : runs) {
    paths.push_back(paths_of(run));
    report.runs.push_back(run_of(run, paths.back()));
    if (report.why_not.empty()) report.why_not = obstacle(runs.front(), run);
    if (report.runs.back().bytes < report.runs[report.least].bytes) report.least = report.runs.size() - 1;
  }
  report.common = common_paths(runs, paths);
  if (report.why_not.empty() && report.common.empty()) report.why_not = "no tap was recorded by every run";
  if (!report.why_not.empty()) return report;
  const Paths common(report.common.begin(), report.common.end());
  std::vector<std::map<std::pair<int64_t, std::string>, std::string>> results;
  for (size_t i = 0; i < runs.size(); ++i) {
    results.push_back(result_of(runs[i], common));
    size_t same = 0;
    while (results[same] != results.back()) ++same;
    report.runs[i].result = same == i ? report.results++ : report.runs[same].result;
  }
  find_first_difference(runs, results, report);
  report.why_not = variation(report, paths);
  for (size_t result = 0; report.effect() && result < report.results; ++result) {
    Suspects suspects = suspects_of(result, runs, paths, report);
    if (!suspects.paths.empty()) report.suspects.push_back(std::move(suspects));
  }
  return report;
}

}  // namespace plumbline
