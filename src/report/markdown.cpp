// SPDX-License-Identifier: Apache-2.0
// Format md: the summary page of a job. Tables are cut at a row and say so; the grid is folded away, and left out with
// a line in its place where it would pass GitHub's limit for such pages (1 MiB).
#include <fmt/format.h>

#include <algorithm>

#include "report/formats.h"
#include "report/markup.h"
#include "report/parts.h"

namespace plumbline {
namespace {

constexpr size_t kTableRows = 50;
constexpr size_t kGridBytes = 60 * 1000;

std::string diagnostic(const Finding& finding) {
  std::string out = fmt::format("\n**{}** {}\n\n", finding.code, markdown_escaped(finding.title));
  for (const std::string& line : cause_lines(finding)) out += "- cause: " + markdown_escaped(line) + "\n";
  for (const std::string& line : finding.evidence) out += "- " + markdown_escaped(line) + "\n";
  for (const std::string& line : finding.help) out += "- help: " + markdown_escaped(line) + "\n";
  return out;
}

std::string table_row(const FindReport& report, const Finding& finding) {
  const OpRow* row = finding.op.empty() ? nullptr : row_of(report, finding.op);
  const bool measured = row != nullptr && row->judged;
  return fmt::format("| {} | {} | {} | {} | {} | {} |\n", finding.code, level_name(finding.level),
                     finding.op.empty() ? "" : markdown_code(finding.op), finding.role ? role_name(*finding.role) : "",
                     measured ? short_number(row->own_share) : "", measured ? short_number(row->unequal) : "");
}

std::string finding_table(const FindReport& report) {
  if (report.findings.empty()) return "";
  std::string out = "\n| code | level | op | role | own error / bound | unequal |\n|--|--|--|--|--:|--:|\n";
  const size_t shown = std::min(report.findings.size(), kTableRows);
  for (size_t i = 0; i < shown; ++i) out += table_row(report, report.findings[i]);
  if (shown < report.findings.size())
    out += fmt::format("\n{} more findings are not shown\n", report.findings.size() - shown);
  for (const Finding& finding : report.findings)
    if (finding.accepted && out.size() < kGridBytes)
      out += fmt::format("\nAccepted: {} {}, {}\n", finding.code, markdown_code(finding.op),
                         markdown_escaped(acceptance_sentence(*finding.accepted)));
  return out;
}

std::string folded_grid(const FindReport& report) {
  const std::string grid = xml_escaped_lines(render_grid(report, {}));
  if (grid.empty()) return "";
  if (grid.size() > kGridBytes)
    return fmt::format("\nThe grid of {} ops is too large for this page.\n", report.ops.size());
  return "\n<details><summary>Ops by layer</summary>\n\n<pre>\n" + grid + "</pre>\n</details>\n";
}

}  // namespace

std::string render_markdown(const FindReport& report) {
  std::string out = fmt::format("### plumbline {}: {}\n\n{}\n\n{} against {}; {}\n", report.verb, verdict_name(report),
                                markdown_escaped(report.headline), markdown_code(report.candidate.file),
                                markdown_code(report.reference.file), coverage_sentence(report));
  const Finding* first = report.first_divergence();
  if (first == nullptr && !report.findings.empty()) first = &report.findings.front();
  if (first != nullptr) out += diagnostic(*first);
  out += finding_table(report) + markdown_equality(report) + folded_grid(report);
  if (report.policy) out += "\nPolicy: " + markdown_escaped(policy_sentence(report)) + "\n";
  for (const std::string& note : report.notes) out += "\nNote: " + markdown_escaped(note) + "\n";
  return out;
}

}  // namespace plumbline
