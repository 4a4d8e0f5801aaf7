// SPDX-License-Identifier: Apache-2.0
// The outcome that follows from findings, rows and coverage, and the sentence that says why.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "locate/codes.h"
#include "locate/findings.h"
#include "locate/roles.h"
#include "locate/used_parameters.h"

namespace plumbline {
namespace {

/// The taps whose lack is why an op could not be judged: those nearest to it, which stand last.
std::string missing_text(const OpRow& row) {
  constexpr size_t kShown = 3;
  if (row.missing.empty()) return "";
  const size_t shown = std::min(row.missing.size(), kShown);
  const auto first = row.missing.end() - static_cast<std::ptrdiff_t>(shown);
  return fmt::format("; missing: {}{}", fmt::join(first, row.missing.end(), ", "),
                     shown < row.missing.size() ? fmt::format(" and {} more", row.missing.size() - shown) : "");
}

/// Without a verdict, and not a member of another op's segment.
bool is_open(const OpRow& row) {
  return row.role == Role::unknown && !row.reference_failed && (row.compared || !row.missing.empty());
}

/// Ops named by a finding that no gate can decide about them.
std::set<std::string> ill_conditioned_ops(const FindReport& report) {
  std::set<std::string> ops;
  for (const Finding& finding : report.findings)
    if (finding.code == code::kIllConditioned) ops.insert(finding.op);
  return ops;
}

/// Says at how many ops of each kind the gate is invalid; "" if it is valid everywhere.
std::string invalid_gates(int64_t outliers, int64_t ill) {
  const auto at = [](int64_t count) { return fmt::format("{} op{}", count, count == 1 ? "" : "s"); };
  std::string text = outliers == 0 ? "" : fmt::format("the reference breaks its own bound at {}", at(outliers));
  if (ill > 0)
    text += fmt::format("{}{} {} ill-conditioned", text.empty() ? "" : ", ", at(ill), ill == 1 ? "is" : "are");
  return text.empty() ? text : text + ": the gate is invalid there";
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
  const std::set<std::string> ill = ill_conditioned_ops(report);
  const auto open = std::count_if(report.ops.begin(), report.ops.end(),
                                  [&](const OpRow& row) { return is_open(row) && !ill.contains(row.op); });
  const bool starved = std::any_of(report.ops.begin(), report.ops.end(), [](const OpRow& row) {
    return is_open(row) && row.compared && !row.missing.empty();
  });
  report.outcome = Outcome::inconclusive;
  if (errors > 0) {
    report.outcome = Outcome::divergence;
    report.headline =
        fmt::format("{} finding{}; {} other op{} only inherit{} a difference", errors, errors == 1 ? "" : "s",
                    inherited, inherited == 1 ? "" : "s", inherited == 1 ? "s" : "");
  } else if (const std::string invalid = invalid_gates(outliers, std::ssize(ill)); !invalid.empty()) {
    report.headline = invalid;
  } else if (const int64_t departures = departures_of_reference(report.findings); departures > 0) {
    report.headline = fmt::format("the reference used {} parameter{} unlike the checkpoint's", departures,
                                  departures == 1 ? "" : "s");
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

}  // namespace plumbline
