// SPDX-License-Identifier: Apache-2.0
// Format junit, as CI systems read it (there is no official schema): suite = layer, case = op, so names are unique and
// hold no figures. Divergence: failures. Inconclusive: errors. Parity: neither. "_coverage" always stands there, so an
// empty comparison has a red case too.
#include <fmt/format.h>

#include <map>
#include <vector>

#include "report/formats.h"
#include "report/markup.h"
#include "report/parts.h"

namespace plumbline {
namespace {

struct Case {
  std::string name;
  std::string body;  // child elements
  bool failure = false, error = false, skipped = false;
};

struct Suite {
  std::string name;
  std::vector<Case> cases;
};

std::string suite_name(int layer) { return layer < 0 ? "model" : fmt::format("layer.{}", layer); }

/// Lines, each escaped by itself.
std::string details(const Finding& finding) {
  std::string out = xml_escaped(finding.title);
  for (const std::string& line : cause_lines(finding)) out += "\ncause: " + xml_escaped(line);
  for (const std::string& line : finding.evidence) out += "\nevidence: " + xml_escaped(line);
  for (const std::string& line : finding.help) out += "\nhelp: " + xml_escaped(line);
  return out;
}

void blame(const FindReport& report, const std::vector<const Finding*>& findings, Case& test) {
  if (findings.empty()) return;
  (report.outcome == Outcome::divergence ? test.failure : test.error) = true;
  std::string text;
  for (const Finding* finding : findings) text += (text.empty() ? "" : "\n\n") + details(*finding);
  const Finding& first = *findings.front();
  test.body += fmt::format("      <{0} type=\"{1}\" message=\"{2}\">{3}</{0}>\n", test.failure ? "failure" : "error",
                           first.code, xml_escaped(first.title), text);
}

void skip(std::string_view message, Case& test) {
  test.skipped = true;
  test.body += fmt::format("      <skipped message=\"{}\"/>\n", xml_escaped(message));
}

/// What an op without a finding of its own is to a test report; green only if it was judged, or is equal bit for bit.
void classify(const OpRow& row, Case& test) {
  switch (row.role) {
    case Role::clean: return;
    case Role::inherited:
    case Role::amplifier:
    case Role::damper: return skip("its own error is within its bound; it inherits a difference", test);
    case Role::waived: return skip("accepted by the policy", test);
    default: return skip("not judged: " + row.reason, test);
  }
}

std::string properties(const OpRow& row) {
  if (!row.judged) return "";
  return fmt::format(
      "      <properties>\n        <property name=\"own_share\" value=\"{}\"/>\n        <property name=\"unequal\" "
      "value=\"{}\"/>\n      </properties>\n",
      short_number(row.own_share), short_number(row.unequal));
}

using ByOp = std::map<std::string, std::vector<const Finding*>>;

ByOp errors_by_op(const FindReport& report) {
  ByOp out;
  if (report.outcome == Outcome::parity) return out;
  for (const Finding& finding : report.findings)
    if (finding.level == Level::error) out[row_of(report, finding.op) == nullptr ? "" : finding.op].push_back(&finding);
  return out;
}

/// Sentences of what the policy accepts, by op.
std::map<std::string, std::string> acceptances(const FindReport& report) {
  std::map<std::string, std::string> out;
  for (const Finding& finding : report.findings)
    if (finding.accepted) {
      std::string& text = out[finding.op];
      text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", finding.code, acceptance_sentence(*finding.accepted));
    }
  return out;
}

std::vector<Suite> op_suites(const FindReport& report, const ByOp& errors) {
  const std::map<std::string, std::string> accepted = acceptances(report);
  std::vector<Suite> suites;
  std::map<int, size_t> place;
  for (const OpRow& row : report.ops) {
    const auto [entry, fresh] = place.emplace(row.layer, suites.size());
    if (fresh) suites.push_back({suite_name(row.layer), {}});
    Case test;
    test.name = local_name(row.op, row.layer);
    test.body = properties(row);
    const auto found = errors.find(row.op);
    if (found == errors.end() && accepted.contains(row.op))
      skip("accepted: " + accepted.at(row.op), test);
    else if (found == errors.end())
      classify(row, test);
    else
      blame(report, found->second, test);
    suites[entry->second].cases.push_back(std::move(test));
  }
  return suites;
}

/// Findings about the traces as wholes, one case per code, and "_coverage", which bears the outcome if no case else
/// does.
Suite trace_suite(const FindReport& report, const ByOp& errors, bool red_already) {
  Suite suite{"trace", {}};
  const auto found = errors.find("");
  std::map<std::string, std::vector<const Finding*>> by_code;
  if (found != errors.end())
    for (const Finding* finding : found->second) by_code[finding->code].push_back(finding);
  for (const auto& [code, findings] : by_code) {
    Case test;
    test.name = code;
    blame(report, findings, test);
    suite.cases.push_back(std::move(test));
  }
  Case coverage;
  coverage.name = "_coverage";
  if (report.outcome != Outcome::parity && !red_already && by_code.empty()) {
    coverage.error = true;
    coverage.body = fmt::format("      <error type=\"{}\" message=\"{}\"/>\n", outcome_name(report.outcome),
                                xml_escaped(report.headline));
  }
  coverage.body += fmt::format(
      "      <system-out>{}</system-out>\n",
      xml_escaped(coverage_sentence(report) + (report.policy ? "; policy: " + policy_sentence(report) : "")));
  suite.cases.push_back(std::move(coverage));
  return suite;
}

struct Counts {
  size_t tests = 0, failures = 0, errors = 0, skipped = 0;
  void add(const Suite& suite) {
    for (const Case& test : suite.cases) {
      ++tests;
      failures += test.failure ? 1 : 0;
      errors += test.error ? 1 : 0;
      skipped += test.skipped ? 1 : 0;
    }
  }
  std::string text() const {
    return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"", tests, failures, errors, skipped);
  }
};

std::string suite_text(const Suite& suite) {
  Counts counts;
  counts.add(suite);
  std::string out = fmt::format("  <testsuite name=\"{}\" {}>\n", xml_escaped(suite.name), counts.text());
  for (const Case& test : suite.cases) {
    out += fmt::format("    <testcase classname=\"plumbline.{}\" name=\"{}\"", xml_escaped(suite.name),
                       xml_escaped(test.name));
    out += test.body.empty() ? "/>\n" : ">\n" + test.body + "    </testcase>\n";
  }
  return out + "  </testsuite>\n";
}

}  // namespace

std::string render_junit(const FindReport& report) {
  const ByOp errors = errors_by_op(report);
  std::vector<Suite> suites = op_suites(report, errors);
  Counts counts;
  for (const Suite& suite : suites) counts.add(suite);
  suites.push_back(trace_suite(report, errors, counts.failures + counts.errors > 0));
  counts.add(suites.back());
  std::string out = fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"plumbline {}\" {}>\n",
                                xml_escaped(report.verb), counts.text());
  for (const Suite& suite : suites) out += suite_text(suite);
  return out + "</testsuites>\n";
}

}  // namespace plumbline
