// SPDX-License-Identifier: Apache-2.0
// The order of a gate: what may be passed over, what the policy adds and accepts, then what must have been compared.
#include "gate/gate.h"

#include <fmt/format.h>
#include <plumbline/error.h>
#include <plumbline/tap.h>

#include <algorithm>

#include "gate/acceptance.h"
#include "gate/breaches.h"
#include "gate/findings_edit.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

bool allowed(const std::string& path, const std::vector<Pattern>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const Pattern& pattern) { return glob_matches(pattern.glob, path); });
}

bool may_be_missing(const OpRow& row, const std::vector<Pattern>& globs) {
  return row.role == Role::unknown && !row.missing.empty() &&
         std::all_of(row.missing.begin(), row.missing.end(),
                     [&](const std::string& path) { return allowed(path, globs); });
}

/// An op that cannot be judged for lack of taps is as missing as they are: where all of them are allowed to be, the
/// outcome is drawn again without it. It stays unjudged, so the demand for coverage holds all the same.
void pass_over_missing(FindReport& report, const std::vector<Pattern>& globs) {
  std::vector<std::string> passed_over;
  for (OpRow& row : report.ops) {
    if (!may_be_missing(row, globs)) continue;
    row.role = Role::waived;
    passed_over.push_back(row.op);
  }
  if (passed_over.empty()) return;
  const bool one = passed_over.size() == 1;
  report.notes.push_back(
      fmt::format("{} op{} could not be judged for lack of taps that may be missing (--allow-missing or the policy): "
                  "{}{}; a defect in "
                  "what is missing is not seen",
                  passed_over.size(), one ? "" : "s", passed_over.front(), one ? "" : ", ..."));
  if (take(report, code::kNotJudged)) redraw(report);
}

/// The first five, and how many more there are.
std::vector<std::string> shortened(std::vector<std::string> lines) {
  constexpr size_t kShown = 5;
  if (lines.size() <= kShown) return lines;
  const size_t left = lines.size() - kShown;
  lines.resize(kShown);
  lines.push_back(fmt::format("and {} more", left));
  return lines;
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

void demand_coverage(FindReport& report, const Policy& policy) {
  if (report.coverage.share() >= policy.min_coverage) return;
  demand(report, code::kCoverage,
         fmt::format("{} of {} ops were judged ({:.1f}%), the gate demands {:.1f}%", report.coverage.judged_ops,
                     report.coverage.reference_ops, 100.0 * report.coverage.share(), 100.0 * policy.min_coverage),
         {}, "record more taps on both sides, or lower --min-coverage");
}

void demand_positions(FindReport& report) {
  if (report.coverage.positions >= report.reference.positions) return;
  demand(report, code::kCoverage,
         fmt::format("only {} of the reference's {} positions were compared", report.coverage.positions,
                     report.reference.positions),
         {}, fmt::format("run the candidate on the reference's tokens: --tokens {}", report.reference.file));
}

void demand_both_sides(FindReport& report, const Policy& policy) {
  std::vector<std::string> missing;
  for (const UnmatchedTap& tap : report.unmatched)
    if (!allowed(tap.path, policy.allow_missing))
      missing.push_back(fmt::format("{} is only in the {}", tap.path, tap.in_reference ? "reference" : "candidate"));
  if (missing.empty()) return;
  const size_t count = missing.size();
  demand(report, code::kTapMissing, fmt::format("{} tap(s) were recorded on one side only", count),
         shortened(std::move(missing)), "record them on both sides, or allow them: --allow-missing GLOB");
}

/// All that a required glob matches, among the results that the reference declares and the taps that either side
/// recorded, must have been recorded by both.
void demand_required(FindReport& report, const Policy& policy, const GateFacts& facts) {
  std::set<std::string> known = facts.declared;
  known.insert(facts.reference_taps.begin(), facts.reference_taps.end());
  known.insert(facts.candidate_taps.begin(), facts.candidate_taps.end());
  for (const Pattern& required : policy.required_taps) {
    std::vector<std::string> missing;
    bool any = false;
    for (const std::string& path : known) {
      if (!glob_matches(required.glob, path)) continue;
      any = true;
      const bool left = facts.reference_taps.contains(path), right = facts.candidate_taps.contains(path);
      if (!left || !right)
        missing.push_back(fmt::format("{} was not recorded by {}", path,
                                      left    ? "the candidate"
                                      : right ? "the reference"
                                              : "either side"));
    }
    if (any && missing.empty()) continue;
    if (!any) missing.push_back("no tap of either side has such a path");
    demand(report, code::kTapMissing,
           fmt::format("the policy requires '{}' ({}), and it is missing", required.glob, policy.at(required.line)),
           shortened(std::move(missing)), "record it on both sides");
  }
}

/// A rule that matches no op, or an allowance that matches no tap, is a slip of the pen.
void check_matches(const FindReport& report, const Policy& policy, const GateFacts& facts) {
  std::vector<std::string> ops, taps(facts.declared.begin(), facts.declared.end());
  for (const OpRow& row : report.ops) ops.push_back(row.op);
  for (const std::set<std::string>* more : {&facts.reference_taps, &facts.candidate_taps})
    taps.insert(taps.end(), more->begin(), more->end());
  const auto check = [&](const Pattern& pattern, const std::vector<std::string>& names, const char* what) {
    if (pattern.glob == "*" || pattern.line == 0 || names.empty()) return;
    if (std::any_of(names.begin(), names.end(), [&](const auto& name) { return glob_matches(pattern.glob, name); }))
      return;
    const std::vector<std::string> near = near_misses(pattern.glob, names, 1);
    throw InputError(
        fmt::format("{}: '{}' matches no {} of these traces", policy.at(pattern.line), pattern.glob, what), {},
        near.empty() ? "`plumbline ls FILE` lists the taps" : fmt::format("did you mean '{}'?", near.front()));
  };
  for (const Rule& rule : policy.rules) check({rule.match, rule.line}, ops, "op");
  for (const Pattern& pattern : policy.allow_missing) check(pattern, taps, "tap");
}

}  // namespace

void apply_gate(FindReport& report, const Policy& policy, const GateFacts& facts, Date today) {
  if (!(policy.min_coverage >= 0.0 && policy.min_coverage <= 1.0))
    throw UsageError("plumbline gate: --min-coverage is a share", {fmt::format("given: {}", policy.min_coverage)},
                     "use a number from 0 to 1, for example --min-coverage 0.98");
  check_matches(report, policy, facts);
  report.verb = "gate";
  if (!policy.file.empty())
    report.policy = PolicySummary{policy.file.string(), policy.suite, std::string(policy_kind_name(policy.kind))};
  pass_over_missing(report, policy.allow_missing);
  const size_t before = report.findings.size();
  add_breaches(report, policy, facts);
  accept_findings(report, policy, today);
  const bool accepted = std::any_of(report.findings.begin(), report.findings.end(),
                                    [](const Finding& finding) { return finding.accepted.has_value(); });
  if (accepted || report.findings.size() > before) redraw(report);
  demand_coverage(report, policy);
  demand_positions(report);
  demand_both_sides(report, policy);
  demand_required(report, policy, facts);
}

}  // namespace plumbline
