// SPDX-License-Identifier: Apache-2.0
// Every output format as approved; the outcome shows in each; names out of files cannot break out of any.
#include <plumbline/error.h>

#include "report/markup.h"
#include "report/report.h"
#include "support/catch.h"
#include "unit/report/approved.h"
#include "unit/report/samples.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

/// Signs of every format in every name that comes out of a file.
FindReport hostile_report() {
  FindReport report = diverging_report();
  const std::string signs = "a<b>&\"'|`%::error::x\r\n\x1b[31m\xff]]>@you";
  report.candidate.file = report.findings[0].op = report.ops[5].op = signs;
  report.findings[0].title = report.findings[0].evidence[0] = report.headline = report.notes[0] = signs;
  return report;
}

}  // namespace

TEST_CASE("every format reads as approved for every outcome") {
  const std::pair<std::string, FindReport> reports[] = {
      {"divergence", diverging_report()},       {"parity", parity_report()},
      {"identical_parity", identical_report()}, {"waived_parity", waived_report()},
      {"inconclusive", inconclusive_report()},  {"hostile_divergence", hostile_report()},
      {"amplified", amplified_report()},        {"selected_parity", selected_report()}};
  const std::pair<std::string, ReportFormat> formats[] = {
      {"concise.txt", ReportFormat::concise}, {"report.json", ReportFormat::json},
      {"report.jsonl", ReportFormat::jsonl},  {"md", ReportFormat::md},
      {"junit.xml", ReportFormat::junit},     {"github.txt", ReportFormat::github}};
  for (const auto& [outcome, report] : reports)
    for (const auto& [suffix, format] : formats)
      if ((!outcome.starts_with("hostile") || !suffix.starts_with("report")) &&
          (outcome != "amplified" || suffix.starts_with("report")))
        check_approved(outcome + "." + suffix, render(report, format));
}

TEST_CASE("a name of a format finds it, another is refused with the nearest") {
  for (const char* name : {"full", "concise", "json", "jsonl", "md", "junit", "github"}) {
    CHECK(report_format_name(find_report_format(name)) == name);
    CHECK(report_format_names().find(name) != std::string::npos);
  }
  CHECK_THROWS_AS(find_report_format("jnit"), UsageError);
  CHECK_THROWS_AS(find_report_format(""), UsageError);
}

TEST_CASE("without parity a test report has a red case, with parity none") {
  struct Row {
    FindReport report;
    bool failure, error;
  };
  FindReport silent = parity_report();  // nothing says why, and no finding: the outcome alone must show
  silent.outcome = Outcome::inconclusive;
  FindReport empty;
  FindReport warned = parity_report();
  warned.findings = diverging_report().findings;
  for (Finding& finding : warned.findings) finding.level = Level::warning;
  FindReport unmatched = diverging_report();  // findings about ops that have no row
  unmatched.ops.clear();
  const Row rows[] = {{diverging_report(), true, false},
                      {parity_report(), false, false},
                      {inconclusive_report(), false, true},
                      {silent, false, true},
                      {empty, false, true},
                      {warned, false, false},
                      {waived_report(), false, false},
                      {unmatched, true, false}};
  for (const Row& row : rows) {
    const std::string text = render_junit(row.report);
    INFO(text);
    CHECK((text.find("<failure") != std::string::npos) == row.failure);
    CHECK((text.find("<error") != std::string::npos) == row.error);
    CHECK(text.find("name=\"_coverage\"") != std::string::npos);
  }
}

TEST_CASE("many findings: nine annotations, fifty rows, and how many more there are") {
  FindReport report = diverging_report();
  while (report.findings.size() < 60) report.findings.push_back(report.findings.front());
  const std::string github = render_github(report);
  size_t annotations = 0;
  for (size_t at = github.find("::error title=P"); at != std::string::npos; at = github.find("::error title=P", at + 1))
    ++annotations;
  CHECK(annotations == 9);
  CHECK(github.find("51 more findings") != std::string::npos);
  CHECK(render_markdown(report).find("10 more findings are not shown") != std::string::npos);
}

TEST_CASE("a workflow command cannot be planted by a name") {
  const std::string text = render_github(hostile_report());
  INFO(text);
  for (size_t line = 0; line < text.size(); line = text.find('\n', line) + 1)
    CHECK((text.compare(line, 14, "::error title=") == 0 || text.compare(line, 15, "::notice title=") == 0));
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("signs of XML and Markdown") {
  CHECK(xml_escaped("a<b & 'c'\x01") == "a&lt;b &amp; &apos;c&apos;\\x01");
  CHECK(xml_escaped_lines("a\nb\r") == "a\nb\\r");
  CHECK(markdown_code("a|b`c") == "<code>a&#124;b&#96;c</code>");
  CHECK(markdown_escaped("see `ls <x>` & *") == "see <code>ls &#60;x&#62;</code> &#38; &#42;");
  CHECK(markdown_escaped("odd ` one") == "odd &#96; one");
}
