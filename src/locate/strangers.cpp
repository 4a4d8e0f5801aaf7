// SPDX-License-Identifier: Apache-2.0
// Wording about names.
#include "locate/strangers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "core/statistics.h"
#include "locate/codes.h"
#include "locate/name_map.h"

namespace plumbline {
namespace {

constexpr size_t kExamples = 3;

bool holds_statistics_only(const Trace& trace) {
  return !trace.taps().empty() && std::all_of(trace.taps().begin(), trace.taps().end(), [](const TapEntry& tap) {
    return holds_statistics(tap.axes, tap.shape);
  });
}

struct Names {
  std::set<std::string> all;
  std::vector<std::string> unknown;  ///< in the order of writing
};

Names names_of(const Trace& trace, const OpGraph& graph) {
  Names names;
  for (const TapEntry& tap : trace.taps()) {
    const bool fed = std::find(graph.inputs.begin(), graph.inputs.end(), tap.path) != graph.inputs.end();
    if (names.all.insert(tap.path).second && !fed && graph.producer(tap.path) == nullptr)
      names.unknown.push_back(tap.path);
  }
  return names;
}

std::string examples_text(std::vector<std::string> names) {
  const size_t count = names.size();
  names.resize(std::min(count, kExamples));
  return fmt::format("'{}'{}", fmt::join(names, "', '"), count > kExamples ? ", ..." : "");
}

std::vector<std::string> expected_names(const OpGraph& graph) {
  std::vector<std::string> names;
  for (const Op& op : graph.ops)
    for (const TapSpec& output : op.outputs)
      if (!output.inner) names.push_back(output.path);
  return names;
}

}  // namespace

void note_strangers(const OpGraph& graph, const Pairing& pairing, FindReport& report) {
  const auto strangers = std::count_if(pairing.usable.begin(), pairing.usable.end(),
                                       [&](const auto& tap) { return graph.producer(tap.first) == nullptr; });
  if (strangers > 0)
    report.notes.push_back(
        fmt::format("{} tap(s) of both sides belong to no op of the reference's graph; not compared", strangers));
}

void note_partial(const Pairing& pairing, const Alignment& alignment, std::string_view consequence,
                  FindReport& report) {
  if (pairing.partial.empty()) return;
  const PartialTap& first = pairing.partial.front();
  report.notes.push_back(
      fmt::format("{} tap(s) were recorded by both sides in some of the {} common steps only, '{}' in {}; {}",
                  pairing.partial.size(), alignment.pairs.size(), first.path, first.steps, consequence));
}

void explain_names(const Trace& reference, const Trace& candidate, const OpGraph& graph, FindReport& report) {
  if (report.findings.empty() || report.findings.back().code != code::kNothingCompared) return;
  Finding& finding = report.findings.back();
  bool any = false;
  for (const Trace* trace : {&reference, &candidate}) {
    if (holds_statistics_only(*trace)) {
      finding.evidence.push_back(trace->file().string() +
                                 ": statistics of taps (run --taps stats), not their values; record those");
      continue;
    }
    const Names names = names_of(*trace, graph);
    if (names.unknown.empty()) continue;
    any = true;
    finding.evidence.push_back(fmt::format("{}: {} of {} names are no tap paths: {}", trace->file().string(),
                                           names.unknown.size(), names.all.size(), examples_text(names.unknown)));
  }
  if (!any) return;
  finding.evidence.push_back("tap paths are such as " + examples_text(expected_names(graph)));
  finding.help.push_back(
      fmt::format("names of other software become tap paths by `--map FILE` or a preset: --map hf, {}",
                  fmt::join(name_map_presets(), ", ")));
}

}  // namespace plumbline
