// SPDX-License-Identifier: Apache-2.0
// The finding about NaN on both sides.
#include "locate/nonfinite.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "locate/codes.h"
#include "locate/place.h"

namespace plumbline {
namespace {

int64_t first_nonfinite(const Tensor& tensor) {
  const std::vector<double> values = to_values(tensor.view());
  const auto found = std::find_if(values.begin(), values.end(), [](double value) { return !std::isfinite(value); });
  return found == values.end() ? -1 : found - values.begin();
}

/// The first element of the candidate that is not finite, in the order of results and steps.
std::optional<Place> first_place(const Context& context, const Op& op) {
  for (const TapSpec& output : op.outputs) {
    if (output.inner || !context.pairing.has(output.path)) continue;
    for (const StepPair& pair : context.alignment.pairs) {
      if (context.candidate_trace.find(output.path, pair.candidate_step) == nullptr) continue;
      const int64_t at = first_nonfinite(context.candidate.recorded(output.path, pair.candidate_step));
      if (at >= 0) return place_of(context, output.path, pair.candidate_step, at);
    }
  }
  return std::nullopt;
}

std::vector<std::string> parameter_evidence(const Context& context, const Op& op) {
  std::vector<std::string> lines;
  for (const std::string& name : op.parameters) {
    const auto parameter = context.model.parameters.find(name);
    if (parameter == context.model.parameters.end()) continue;
    const int64_t at = first_nonfinite(parameter->second);
    if (at >= 0)
      lines.push_back(fmt::format("its parameter {} is not finite at element {} of the checkpoint", name, at));
  }
  return lines;
}

}  // namespace

std::optional<Finding> nonfinite_finding(const Context& context, const std::vector<OpRow>& rows) {
  const auto first = std::find_if(rows.begin(), rows.end(), [](const OpRow& row) { return row.nonfinite_both > 0; });
  if (first == rows.end()) return std::nullopt;
  const Op& op = context.graph.ops[static_cast<size_t>(first - rows.begin())];
  const auto flooded = std::count_if(rows.begin(), rows.end(), [](const OpRow& row) {
    return row.nonfinite_both > 0 && row.nonfinite_both == row.elements;
  });
  Finding finding;
  finding.code = code::kNonFiniteBoth;
  finding.level = Level::warning;
  finding.op = first->op;
  finding.layer = first->layer;
  finding.title = fmt::format("`{}` is the first op with NaN or infinity on both sides", first->op);
  finding.place = first_place(context, op);
  finding.evidence.push_back(
      fmt::format("{} of {} elements, the same on both sides", first->nonfinite_both, first->elements));
  for (std::string& line : parameter_evidence(context, op)) finding.evidence.push_back(std::move(line));
  finding.evidence.push_back(fmt::format("{} op{} nothing finite on either side and cannot be judged", flooded,
                                         flooded == 1 ? " holds" : "s hold"));
  return finding;
}

}  // namespace plumbline
