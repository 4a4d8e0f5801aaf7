// SPDX-License-Identifier: Apache-2.0
// The two demands of a gate, and what it may pass over; baselines are policy and not known here.
#include "gate/gate.h"

#include <fmt/format.h>
#include <plumbline/error.h>
#include <plumbline/tap.h>

#include <algorithm>
#include <optional>

#include "locate/codes.h"
#include "locate/findings.h"

namespace plumbline {
namespace {

bool allowed(const std::string& path, const std::vector<std::string>& globs) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) { return glob_matches(glob, path); });
}

/// Removes the first finding of that code and gives it.
std::optional<Finding> take(FindReport& report, std::string_view code) {
  const auto found = std::find_if(report.findings.begin(), report.findings.end(),
                                  [&](const Finding& finding) { return finding.code == code; });
  if (found == report.findings.end()) return std::nullopt;
  Finding finding = std::move(*found);
  report.findings.erase(found);
  return finding;
}

bool may_be_missing(const OpRow& row, const std::vector<std::string>& globs) {
  return row.role == Role::unknown && row.compared && !row.missing.empty() &&
         std::all_of(row.missing.begin(), row.missing.end(),
                     [&](const std::string& path) { return allowed(path, globs); });
}

/// An op that cannot be judged for lack of taps is as missing as they are: where all of them are allowed to be, the
/// outcome is drawn again without it. It stays unjudged, so the demand for coverage holds all the same.
void pass_over_missing(FindReport& report, const std::vector<std::string>& globs) {
  std::vector<std::string> passed_over;
  for (OpRow& row : report.ops) {
    if (!may_be_missing(row, globs)) continue;
    row.role = Role::waived;
    passed_over.push_back(row.op);
  }
  if (passed_over.empty()) return;
  const bool one = passed_over.size() == 1;
  report.notes.push_back(fmt::format(
      "{} op{} could not be judged for lack of taps that --allow-missing lets be missing: {}{}; a defect in "
      "what is missing is not seen",
      passed_over.size(), one ? "" : "s", passed_over.front(), one ? "" : ", ..."));
  if (take(report, code::kNotJudged)) conclude(report, take(report, code::kTokensFork));
}

void demand(FindReport& report, std::string_view code, std::string title, std::vector<std::string> evidence,
            std::string help) {
  Finding finding;
  finding.code = code;
  finding.title = title;
  finding.evidence = std::move(evidence);
  finding.help.push_back(std::move(help));
  if (report.outcome == Outcome::parity) {
    report.outcome = Outcome::inconclusive;
    report.headline = std::move(title);
  }
  report.findings.push_back(std::move(finding));
}

}  // namespace

void apply_gate(FindReport& report, const GateOptions& options) {
  if (!(options.min_coverage >= 0.0 && options.min_coverage <= 1.0))
    throw UsageError("plumbline gate: --min-coverage is a share", {fmt::format("given: {}", options.min_coverage)},
                     "use a number from 0 to 1, for example --min-coverage 0.98");
  report.verb = "gate";
  pass_over_missing(report, options.allow_missing);
  if (report.coverage.share() < options.min_coverage) {
    demand(report, code::kCoverage,
           fmt::format("{} of {} ops were judged ({:.1f}%), the gate demands {:.1f}%", report.coverage.judged_ops,
                       report.coverage.reference_ops, 100.0 * report.coverage.share(), 100.0 * options.min_coverage),
           {}, "record more taps on both sides, or lower --min-coverage");
  }
  if (report.coverage.positions < report.reference.positions) {
    demand(report, code::kCoverage,
           fmt::format("only {} of the reference's {} positions were compared", report.coverage.positions,
                       report.reference.positions),
           {}, fmt::format("run the candidate on the reference's tokens: --tokens {}", report.reference.file));
  }
  std::vector<std::string> missing;
  for (const UnmatchedTap& tap : report.unmatched)
    if (!allowed(tap.path, options.allow_missing))
      missing.push_back(fmt::format("{} is only in the {}", tap.path, tap.in_reference ? "reference" : "candidate"));
  if (missing.empty()) return;
  const size_t count = missing.size();
  if (count > 5) {
    missing.resize(5);
    missing.push_back(fmt::format("and {} more", count - 5));
  }
  demand(report, code::kTapMissing, fmt::format("{} tap(s) were recorded on one side only", count), std::move(missing),
         "record them on both sides, or allow them: --allow-missing GLOB");
}

}  // namespace plumbline
