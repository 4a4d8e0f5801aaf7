// SPDX-License-Identifier: Apache-2.0
// The two demands of a gate; waivers and baselines are policy and not known here.
#include "gate/gate.h"

#include <fmt/format.h>
#include <plumbline/error.h>
#include <plumbline/tap.h>

#include <algorithm>

#include "locate/codes.h"

namespace plumbline {
namespace {

bool allowed(const std::string& path, const std::vector<std::string>& globs) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) { return glob_matches(glob, path); });
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
  if (report.coverage.share() < options.min_coverage) {
    demand(report, code::kCoverage,
           fmt::format("{} of {} ops were judged ({:.1f}%), the gate demands {:.1f}%", report.coverage.judged_ops,
                       report.coverage.reference_ops, 100.0 * report.coverage.share(), 100.0 * options.min_coverage),
           {}, "record more taps on both sides, or lower --min-coverage");
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
