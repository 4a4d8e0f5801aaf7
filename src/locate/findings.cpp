// SPDX-License-Identifier: Apache-2.0
// Wording and order of findings.
#include "locate/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "locate/codes.h"
#include "locate/roles.h"
#include "locate/settings.h"

namespace plumbline {
namespace {

std::string show_command(const Context& context, const Place& place) {
  std::string at;
  for (const int64_t index : place.candidate_index) at += (at.empty() ? "" : ",") + std::to_string(index);
  std::string command = fmt::format("`plumbline show {} {}", context.candidate_trace.file().string(), place.tap);
  if (place.candidate_step != 0) command += fmt::format(" --step {}", place.candidate_step);
  if (!at.empty()) command += " --at " + at;
  return command + fmt::format(" --vs {}`", context.reference_trace.file().string());
}

/// Causes were sought, and each was ruled out.
bool no_known_pattern(const std::vector<Cause>& causes) {
  return !causes.empty() && std::all_of(causes.begin(), causes.end(),
                                        [](const Cause& cause) { return cause.status == CauseStatus::ruled_out; });
}

std::string repro_command(const Context& context, const std::string& op) {
  return fmt::format(
      "`plumbline repro {} {} --model {} --op {} -o {}` writes the op as something to attach to a report",
      context.reference_trace.file().string(), context.candidate_trace.file().string(),
      context.model.directory.string(), op, op);
}

std::string growth_text(const OpRow& here, const OpRow& last) {
  if (std::isnan(here.total) || std::isnan(last.total) || here.op == last.op || here.total <= 0.0) return "";
  return fmt::format("relative difference {:.3g} here, {:.3g} at {} ({:.3g} times as much)", here.total, last.total,
                     last.op, last.total / here.total);
}

std::string title_of(const OpResult& result, const Op& op, bool first) {
  const OpRow& row = result.row;
  if (!result.candidate_failure->contract.empty())
    return fmt::format("`{}` follows the rounding contract {}, not {}{}", row.op, result.candidate_failure->contract,
                       op.contract, first ? "; it is the first op to diverge" : "");
  if (!result.candidate_failure->dropped.empty())
    return fmt::format("`{}` was left out by the candidate{}", row.op, first ? "; it is the first op to diverge" : "");
  const std::string inputs = row.input_difference == 0.0 ? ", from inputs that agree" : "";
  return first ? fmt::format("`{}` is the first op to diverge{}", row.op, inputs)
               : fmt::format("`{}` diverges by itself too{}", row.op, inputs);
}

/// The ops of a segment, the long middle left to the rows of the report.
std::string segment_text(const std::vector<std::string>& ops) {
  constexpr size_t kShown = 16, kEnds = 4;
  if (ops.size() <= kShown) return fmt::format("{}", fmt::join(ops, ", "));
  return fmt::format("{} ops: {}, ..., {}", ops.size(), fmt::join(ops.begin(), ops.begin() + kEnds, ", "),
                     fmt::join(ops.end() - kEnds, ops.end(), ", "));
}

Finding op_finding(const Context& context, const std::vector<OpResult>& results, size_t index, bool first) {
  const OpResult& result = results[index];
  const Failure& failure = *result.candidate_failure;
  const Op& op = context.graph.ops[index];
  Finding finding;
  finding.code = failure.contract.empty() ? failure.code : std::string(code::kOtherContract);
  finding.role = result.row.role;
  finding.op = op.name;
  finding.layer = op.layer;
  finding.contract = failure.contract;
  finding.title = title_of(result, op, first);
  finding.place = failure.place;
  finding.window = failure.window;
  finding.causes = failure.causes;
  finding.evidence = failure.evidence;
  if (!failure.contract.empty())
    finding.evidence.insert(finding.evidence.begin(),
                            fmt::format("under {} every gate holds; under {}:", failure.contract, op.contract));
  if (!result.unbounded)
    finding.evidence.push_back(
        fmt::format("the reference's own error here is {:.3g} x its bound", result.row.reference_share));
  if (!result.row.segment.empty())
    finding.evidence.push_back(
        fmt::format("judged as one segment with {}, whose taps are missing", segment_text(result.row.segment)));
  for (std::string& line : setting_differences(context, op)) finding.evidence.push_back(std::move(line));
  finding.explains = explained_by(context.graph, results, index);
  const std::string growth = growth_text(result.row, results.back().row);
  if (finding.explains > 0 && !growth.empty()) finding.evidence.push_back(growth);
  finding.help.push_back(show_command(context, failure.place));
  if (no_known_pattern(failure.causes) && result.through.empty())
    finding.help.push_back(repro_command(context, op.name));
  if (!result.row.missing.empty())
    finding.help.push_back(fmt::format("record {} on both sides: it halves the segment", tap_to_add(result.row)));
  return finding;
}

Finding reference_finding(const Context& context, const Op& op, const OpResult& result) {
  Finding finding;
  finding.code = code::kReferenceOutlier;
  finding.level = Level::warning;
  finding.role = Role::unknown;
  finding.op = result.row.op;
  finding.layer = result.row.layer;
  finding.title = fmt::format("`{}`: {}; the gate is invalid here", result.row.op,
                              result.both_fail ? "both sides break the contract" : "the reference is the outlier");
  finding.evidence.push_back(result.reference_evidence);
  finding.evidence.push_back(fmt::format("own error of the candidate: {:.3g} x its bound, of the reference: {:.3g} x",
                                         result.row.own_share, result.row.reference_share));
  for (std::string& line : setting_differences(context, op)) finding.evidence.push_back(std::move(line));
  finding.help.push_back("check how the reference was recorded (faults, weights, build) and record it again");
  return finding;
}

Finding ill_conditioned_finding(const Context& context, const Op& op, const OpResult& result) {
  Finding finding;
  finding.code = code::kIllConditioned;
  finding.level = Level::warning;
  finding.role = Role::unknown;
  finding.op = op.name;
  finding.layer = op.layer;
  finding.title = fmt::format("`{}` is ill-conditioned; the gate is invalid here", op.name);
  finding.evidence = result.ill_conditioned;
  for (std::string& line : setting_differences(context, op)) finding.evidence.push_back(std::move(line));
  finding.help.push_back("compare on other tokens, or record this op in a wider format");
  return finding;
}

Finding incomparable_finding(const Context& context, const IncomparableTap& tap) {
  Finding finding;
  finding.code = code::kShapes;
  finding.role = Role::incomparable;
  const Op* op = context.graph.producer(tap.path);
  finding.op = op == nullptr ? tap.path : op->name;
  finding.layer = op == nullptr ? -1 : op->layer;
  finding.title = fmt::format("`{}` cannot be compared: {} against {}", tap.path, to_string(tap.reference_shape),
                              to_string(tap.candidate_shape));
  finding.place = Place{tap.path, tap.reference_axes, -1, tap.reference_step, tap.candidate_step, {}, {}};
  finding.evidence.push_back(tap.reason);
  if (tap.permutation) {
    finding.evidence.push_back(
        fmt::format("the permutation ({}) of the candidate's axes would fit", fmt::join(*tap.permutation, ", ")));
    finding.help.push_back("record the candidate's tensor in the reference's order of axes");
  } else {
    finding.help.push_back(
        "no permutation of the axes fits: the two sides record different quantities under this path");
  }
  return finding;
}

size_t order_of(const OpGraph& graph, const std::string& op) {
  for (size_t i = 0; i < graph.ops.size(); ++i)
    if (graph.ops[i].name == op) return i;
  return graph.ops.size();
}

}  // namespace

std::string tap_to_add(const OpRow& row) { return row.missing.empty() ? "" : row.missing[row.missing.size() / 2]; }

std::vector<Finding> collect_findings(const Context& context, const std::vector<OpResult>& results,
                                      std::vector<Finding> parameters) {
  std::vector<Finding> findings;
  bool first = true;
  for (size_t i = 0; i < results.size(); ++i) {
    const Op& op = context.graph.ops[i];
    auto settings = setting_differences(context, op);
    const bool ill = !results[i].ill_conditioned.empty() && results[i].row.role == Role::unknown;
    const bool shown =
        results[i].candidate_failure || results[i].row.reference_failed || !results[i].form.empty() || ill;
    if (!settings.empty() && !shown) findings.push_back(settings_finding(op, std::move(settings)));
    if (results[i].candidate_failure) findings.push_back(op_finding(context, results, i, std::exchange(first, false)));
    if (results[i].row.reference_failed && results[i].row.role != Role::clean)
      findings.push_back(reference_finding(context, op, results[i]));
    if (ill) findings.push_back(ill_conditioned_finding(context, op, results[i]));
  }
  for (const IncomparableTap& tap : context.pairing.incomparable)
    findings.push_back(incomparable_finding(context, tap));
  std::move(parameters.begin(), parameters.end(), std::back_inserter(findings));
  std::stable_sort(findings.begin(), findings.end(), [&](const Finding& a, const Finding& b) {
    return order_of(context.graph, a.op) < order_of(context.graph, b.op);
  });
  return findings;
}

void note_positions(const Alignment& alignment, FindReport& report) {
  if (alignment.difference || alignment.positions >= report.reference.positions) return;
  report.notes.push_back(fmt::format("only {} of the reference's {} positions are in the candidate",
                                     alignment.positions, report.reference.positions));
}

TraceSummary summary_of(const Trace& trace, const std::vector<Step>& steps) {
  const TraceHeader& header = trace.header();
  TraceSummary summary{trace.file().string(), header.run_id,       header.backend,
                       header.device,         header.architecture, header.faults};
  summary.steps = static_cast<int64_t>(steps.size());
  summary.taps = static_cast<int64_t>(trace.taps().size());
  for (const Step& step : steps) summary.positions += static_cast<int64_t>(step.tokens.size());
  summary.foreign = trace.foreign();
  summary.recovered = header.recovered;
  return summary;
}

}  // namespace plumbline
