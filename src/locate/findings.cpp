// SPDX-License-Identifier: Apache-2.0
// Wording and order of findings; the outcome.
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

/// The tap that halves the segment of this row; "" if it has none.
std::string tap_to_add(const OpRow& row) { return row.missing.empty() ? "" : row.missing[row.missing.size() / 2]; }

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
  finding.title = fmt::format("`{}`: the reference is the outlier; the gate is invalid here", result.row.op);
  finding.evidence.push_back(result.reference_evidence);
  finding.evidence.push_back(fmt::format("own error of the candidate: {:.3g} x its bound", result.row.own_share));
  for (std::string& line : setting_differences(context, op)) finding.evidence.push_back(std::move(line));
  finding.help.push_back("check how the reference was recorded (faults, weights, build) and record it again");
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

/// The taps whose lack is why an op could not be judged: those nearest to it, which stand last.
std::string missing_text(const OpRow& row) {
  constexpr size_t kShown = 3;
  if (row.missing.empty()) return "";
  const size_t shown = std::min(row.missing.size(), kShown);
  const auto first = row.missing.end() - static_cast<std::ptrdiff_t>(shown);
  return fmt::format("; missing: {}{}", fmt::join(first, row.missing.end(), ", "),
                     shown < row.missing.size() ? fmt::format(" and {} more", row.missing.size() - shown) : "");
}

size_t order_of(const OpGraph& graph, const std::string& op) {
  for (size_t i = 0; i < graph.ops.size(); ++i)
    if (graph.ops[i].name == op) return i;
  return graph.ops.size();
}

/// Without a verdict, and not a member of another op's segment.
bool is_open(const OpRow& row) {
  return row.role == Role::unknown && !row.reference_failed && (row.compared || !row.missing.empty());
}

/// For `open` ops that differ, hold nothing finite or were not recorded, and have no verdict.
Finding not_judged_finding(const FindReport& report, int64_t open) {
  Finding unknown;
  unknown.code = code::kNotJudged;
  unknown.title = fmt::format("{} op{} could not be judged", open, open == 1 ? "" : "s");
  bool flooded = true;
  int64_t unseen = 0;
  const OpRow *first = nullptr, *first_unseen = nullptr;
  for (const OpRow& row : report.ops) {
    if (!is_open(row)) continue;
    flooded = flooded && row.compared && row.nonfinite_both == row.elements;
    if (!row.compared) {
      if (unseen++ == 0) first_unseen = &row;
      continue;
    }
    if (first == nullptr && !row.missing.empty()) first = &row;
    if (unknown.evidence.size() < 5)
      unknown.evidence.push_back(fmt::format("{}: {}{}", row.op, row.reason, missing_text(row)));
  }
  if (unseen > 0)
    unknown.evidence.push_back(fmt::format("{} op{}, the first {}: {}", unseen, unseen == 1 ? "" : "s",
                                           first_unseen->op, first_unseen->reason));
  unknown.help.push_back(flooded ? "mend the NaN or infinity first: see the op named as the first with it"
                                 : "record more taps on both sides, at least the inputs of these ops");
  if (first != nullptr)
    unknown.help.push_back(first->compared
                               ? fmt::format("record {} on both sides: it halves the segment that ends at {}",
                                             tap_to_add(*first), first->op)
                               : fmt::format("record {} on both sides", tap_to_add(*first)));
  return unknown;
}

bool is_error(const Finding& finding) { return finding.level == Level::error; }

}  // namespace

std::vector<Finding> collect_findings(const Context& context, const std::vector<OpResult>& results,
                                      std::vector<Finding> parameters) {
  std::vector<Finding> findings;
  bool first = true;
  for (size_t i = 0; i < results.size(); ++i) {
    const Op& op = context.graph.ops[i];
    auto settings = setting_differences(context, op);
    if (!settings.empty() && !results[i].candidate_failure && !results[i].row.reference_failed)
      findings.push_back(settings_finding(op, std::move(settings)));
    if (results[i].candidate_failure) findings.push_back(op_finding(context, results, i, std::exchange(first, false)));
    if (results[i].row.reference_failed && results[i].row.role != Role::clean)
      findings.push_back(reference_finding(context, op, results[i]));
  }
  for (const IncomparableTap& tap : context.pairing.incomparable)
    findings.push_back(incomparable_finding(context, tap));
  std::move(parameters.begin(), parameters.end(), std::back_inserter(findings));
  std::stable_sort(findings.begin(), findings.end(), [&](const Finding& a, const Finding& b) {
    return order_of(context.graph, a.op) < order_of(context.graph, b.op);
  });
  return findings;
}

void conclude_moot(FindReport& report, Finding finding) {
  report.outcome = Outcome::inconclusive;
  report.headline = finding.title;
  report.findings.push_back(std::move(finding));
}

void conclude(FindReport& report, std::optional<Finding> fork) {
  const auto errors = std::count_if(report.findings.begin(), report.findings.end(), is_error);
  // Of what only inherits, an op can still have a finding: the first of a selection.
  const auto inherited =
      std::count_if(report.ops.begin(), report.ops.end(), [](const OpRow& row) { return only_inherits(row.role); }) -
      std::count_if(report.findings.begin(), report.findings.end(),
                    [](const Finding& finding) { return finding.role && only_inherits(*finding.role); });
  const auto outliers = std::count_if(report.ops.begin(), report.ops.end(), [](const OpRow& row) {
    return row.reference_failed && row.role == Role::unknown;
  });
  const auto open = std::count_if(report.ops.begin(), report.ops.end(), is_open);
  const bool starved = std::any_of(report.ops.begin(), report.ops.end(), [](const OpRow& row) {
    return is_open(row) && row.compared && !row.missing.empty();
  });
  report.outcome = Outcome::inconclusive;
  if (errors > 0) {
    report.outcome = Outcome::divergence;
    report.headline =
        fmt::format("{} finding{}; {} other op{} only inherit{} a difference", errors, errors == 1 ? "" : "s",
                    inherited, inherited == 1 ? "" : "s", inherited == 1 ? "s" : "");
  } else if (outliers > 0) {
    report.headline = fmt::format("the reference breaks its own bound at {} op{}: the gate is invalid there", outliers,
                                  outliers == 1 ? "" : "s");
  } else if (report.coverage.judged_ops == 0 && !starved) {
    Finding nothing;
    nothing.code = code::kNothingCompared;
    nothing.title = "nothing could be compared";
    nothing.help.push_back(fmt::format("`plumbline doctor {} {}`", report.reference.file, report.candidate.file));
    conclude_moot(report, std::move(nothing));
  } else if (open > 0) {
    conclude_moot(report, not_judged_finding(report, open));
  } else if (fork) {
    fork->level = Level::error;
    conclude_moot(report, *std::exchange(fork, std::nullopt));
  } else {
    report.outcome = Outcome::parity;
    const OpRow* nearest = nullptr;
    for (const OpRow& row : report.ops)
      if (row.judged && (nearest == nullptr || row.own_share > nearest->own_share)) nearest = &row;
    report.headline =
        nearest == nullptr
            ? "every result of every compared op equals the reference's"
            : fmt::format("no {}op's own error passes its bound; the nearest is {} at {:.4g} of its bound",
                          report.scope ? "selected " : "", nearest->op, nearest->own_share);
  }
  if (fork) report.findings.push_back(std::move(*fork));
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
