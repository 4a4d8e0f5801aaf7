// SPDX-License-Identifier: Apache-2.0
// The order of the text report: verdict first, then what to look at, then the whole picture, then what was not seen.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <vector>

#include "report/colour.h"
#include "report/escape.h"
#include "report/parts.h"

namespace plumbline {
namespace {

constexpr int kNarrowest = 40, kWidest = 160;  // columns; names and numbers need some, and no eye follows more
constexpr size_t kDetailed = 4;                // diagnostics that find prints at length

std::string trace_text(const TraceSummary& trace) {
  std::string out = escaped(trace.file);
  if (!trace.backend.empty()) out += fmt::format(" ({})", escaped(trace.backend));
  return out;
}

std::string verdict_text(const FindReport& report, int width) {
  std::string out = wrap(fmt::format("{} vs {}", trace_text(report.reference), trace_text(report.candidate)),
                         verdict_name(report) + "  ", "  ", width);
  out += wrap(escaped(report.headline), "  ", "  ", width);
  if (const Finding* first = report.first_divergence())
    out += wrap(fmt::format("FIRST DIVERGENCE: {}{}", escaped(first->op),
                            first->role ? fmt::format(" ({})", role_name(*first->role)) : ""),
                "", "  ", width);
  return out;
}

/// By elements too: an op that counts as one may hold half of all numbers.
std::string elements_phrase(const FindReport& report) {
  const ElementCoverage elements = element_coverage(report);
  if (elements.compared == 0 || report.model.empty()) return "";
  return fmt::format("{} of {} elements ({:.1f}%), ", elements.judged, elements.compared,
                     100.0 * static_cast<double>(elements.judged) / static_cast<double>(elements.compared));
}

std::string coverage_text(const FindReport& report, int width) {
  std::string text = "coverage: " + coverage_sentence(report);
  if (report.model.empty()) text += "; no model: values only, nothing replayed";
  return wrap(text, "  ", "    ", width);
}

/// How far the parts of the split are from adding up, over all ops.
std::string residue_text(const FindReport& report, int width) {
  double residue = -1.0;
  for (const OpRow& row : report.ops)
    if (row.judged && std::isfinite(row.residue)) residue = std::max(residue, row.residue);
  if (residue < 0.0) return "";
  return wrap(
      fmt::format("split: total = inherited + own - the reference's own; largest relative residue {:.1e}", residue),
      "  ", "    ", width);
}

std::string unmatched_text(const FindReport& report, const TextOptions& options) {
  std::string out;
  const size_t shown = options.rows == 0 ? report.unmatched.size()
                                         : std::min(report.unmatched.size(), static_cast<size_t>(options.rows));
  for (size_t i = 0; i < shown; ++i) {
    const UnmatchedTap& tap = report.unmatched[i];
    std::string line =
        fmt::format("{} (only in the {})", escaped(tap.path), tap.in_reference ? "reference" : "candidate");
    for (size_t k = 0; k < tap.near_misses.size(); ++k)
      line += (k == 0 ? "; did you mean " : " or ") + escaped(tap.near_misses[k]);
    out += wrap(line, "    ", "      ", options.width);
  }
  if (shown < report.unmatched.size()) out += fmt::format("    [{} more]\n", report.unmatched.size() - shown);
  return out.empty() ? out : fmt::format("  {} tap(s) recorded on one side only:\n", report.unmatched.size()) + out;
}

/// What counts comes before what the policy accepts.
std::vector<const Finding*> by_weight(const FindReport& report) {
  std::vector<const Finding*> order;
  for (const Finding& finding : report.findings) order.push_back(&finding);
  std::stable_partition(order.begin(), order.end(), [](const Finding* finding) { return !finding->accepted; });
  return order;
}

std::string policy_text(const FindReport& report, int width) {
  return report.policy ? wrap("policy: " + policy_sentence(report), "  ", "    ", width) : "";
}

}  // namespace

std::string verdict_name(const FindReport& report) {
  std::string out(outcome_name(report.outcome));
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

std::string coverage_sentence(const FindReport& report) {
  const Coverage& coverage = report.coverage;
  std::string out = fmt::format("{} of {} ops judged ({:.1f}%), {}{} taps and {} positions compared",
                                coverage.judged_ops, coverage.reference_ops, 100.0 * coverage.share(),
                                elements_phrase(report), coverage.compared_taps, coverage.positions);
  if (!report.scope) return out;
  const ReportScope& scope = *report.scope;
  out += fmt::format("; {} of {} taps selected, {} finding{} and {} op{} outside the selection", scope.selected_taps,
                     scope.taps, scope.findings_outside, scope.findings_outside == 1 ? "" : "s", scope.ops_outside,
                     scope.ops_outside == 1 ? "" : "s");
  return out;
}

std::string acceptance_sentence(const Acceptance& acceptance) {
  std::string out = fmt::format("{} ({})", escaped(acceptance.by), escaped(acceptance.where));
  if (!acceptance.owner.empty()) out += fmt::format(", {}, until {}", escaped(acceptance.owner), acceptance.expires);
  return acceptance.reason.empty() ? out : out + ": " + escaped(acceptance.reason);
}

std::string policy_sentence(const FindReport& report) {
  if (!report.policy) return "";
  std::string out = fmt::format("{}, {}", escaped(report.policy->file), report.policy->kind);
  if (!report.policy->suite.empty()) out += ", suite " + escaped(report.policy->suite);
  const auto accepted = std::count_if(report.findings.begin(), report.findings.end(),
                                      [](const Finding& finding) { return finding.accepted.has_value(); });
  if (accepted > 0) out += fmt::format("; {} finding{} accepted", accepted, accepted == 1 ? "" : "s");
  return out;
}

std::string render_text(const FindReport& report, const TextOptions& wanted) {
  TextOptions options = wanted;
  options.width = std::clamp(options.width, kNarrowest, kWidest);
  std::string out = verdict_text(report, options.width);
  // The table below lists every finding; the first few are shown at length, as the rest are often more of the same.
  const size_t most = report.verb == "find" ? kDetailed : 1;
  const size_t detailed = options.rows == 0 ? report.findings.size() : std::min(most, report.findings.size());
  const std::vector<const Finding*> order = by_weight(report);
  for (size_t i = 0; i < detailed; ++i) out += "\n" + render_diagnostic(report, *order[i], options);
  if (detailed < report.findings.size())
    out += "\n" + wrap(fmt::format("[{} more finding(s) in the table; -n 0 shows all at length]",
                                   report.findings.size() - detailed),
                       "", "", options.width);
  for (const std::string& section : {render_grid(report, options), render_finding_table(report, options),
                                     render_inherited_table(report, options), render_amplification(report, options)})
    if (!section.empty()) out += "\n" + section;
  out += "\n" + render_equality(report, options.width) + coverage_text(report, options.width) +
         policy_text(report, options.width) + residue_text(report, options.width) + render_unchecked(report, options) +
         unmatched_text(report, options);
  for (const std::string& note : report.notes) out += wrap(escaped(note), "  note: ", "    ", options.width);
  return options.colour ? painted(out) : out;
}

}  // namespace plumbline
