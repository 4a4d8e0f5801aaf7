// SPDX-License-Identifier: Apache-2.0
// Editing of findings.
#include "gate/findings_edit.h"

#include <fmt/format.h>

#include <algorithm>

#include "locate/codes.h"
#include "locate/findings.h"

namespace plumbline {

OpRow* row_of(FindReport& report, const std::string& op) {
  const auto found = std::find_if(report.ops.begin(), report.ops.end(), [&](const OpRow& row) { return row.op == op; });
  return found == report.ops.end() ? nullptr : &*found;
}

void insert_in_order(FindReport& report, Finding finding) {
  const OpRow* row = finding.op.empty() ? nullptr : row_of(report, finding.op);
  auto place = report.findings.end();
  if (row != nullptr) {
    place = std::find_if(report.findings.begin(), report.findings.end(), [&](const Finding& other) {
      const OpRow* theirs = other.op.empty() ? nullptr : row_of(report, other.op);
      return theirs == nullptr || theirs > row;
    });
  }
  report.findings.insert(place, std::move(finding));
}

std::optional<Finding> take(FindReport& report, std::string_view code) {
  const auto found = std::find_if(report.findings.begin(), report.findings.end(),
                                  [&](const Finding& finding) { return finding.code == code; });
  if (found == report.findings.end()) return std::nullopt;
  Finding finding = std::move(*found);
  report.findings.erase(found);
  return finding;
}

void redraw(FindReport& report) {
  if (report.ops.empty()) return;
  const auto errors = std::count_if(report.findings.begin(), report.findings.end(),
                                    [](const Finding& finding) { return finding.level == Level::error; });
  if (report.model.empty()) {  // values only: conclude() asks for judged ops
    if (report.outcome == Outcome::parity && errors > 0) {
      report.outcome = Outcome::divergence;
      report.headline = fmt::format("{} finding{} of the policy", errors, errors == 1 ? "" : "s");
    }
    return;
  }
  // What conclude() adds by itself is taken out first, or it would count as a finding.
  take(report, code::kNotJudged);
  take(report, code::kNothingCompared);
  std::optional<Finding> fork = take(report, code::kTokensFork);
  if (fork) fork->level = Level::note;
  conclude(report, std::move(fork));
  const auto accepted = std::count_if(report.findings.begin(), report.findings.end(),
                                      [](const Finding& finding) { return finding.accepted.has_value(); });
  if (report.outcome == Outcome::parity && accepted > 0)
    report.headline =
        fmt::format("nothing diverges but what the policy accepts: {} finding{}", accepted, accepted == 1 ? "" : "s");
}

}  // namespace plumbline
