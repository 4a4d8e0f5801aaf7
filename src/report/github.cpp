// SPDX-License-Identifier: Apache-2.0
// Format github: workflow commands. GitHub shows ten annotations of each kind per step and drops the rest without a
// word; here at most nine of each are named, the rest are counted, and the last annotation is the verdict.
// Escaping: in data %, CR and LF; in properties also colon and comma (actions/toolkit, command.ts).
#include <fmt/format.h>

#include <map>

#include "report/escape.h"
#include "report/formats.h"
#include "report/parts.h"

namespace plumbline {
namespace {

constexpr int kShown = 9;

std::string encode(std::string_view text, std::string_view reserved) {
  std::string out;
  for (const char c : text)
    out += reserved.find(c) == std::string_view::npos ? std::string(1, c)
                                                      : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

std::string command(Level level, std::string_view title, std::string_view message) {
  const std::string_view name = level == Level::note ? "notice" : level_name(level);
  return fmt::format("::{} title={}::{}\n", name, encode(title, "%\r\n:,"), encode(message, "%\r\n"));
}

std::string message_of(const Finding& finding) {
  std::string out = escaped(finding.title);
  if (finding.accepted) out += "\naccepted: " + acceptance_sentence(*finding.accepted);
  for (const std::string& line : cause_lines(finding)) out += "\ncause: " + escaped(line);
  for (const std::string& line : finding.evidence) out += "\n" + escaped(line);
  for (const std::string& line : finding.help) out += "\nhelp: " + escaped(line);
  return out;
}

}  // namespace

std::string render_github(const FindReport& report) {
  std::string out;
  std::map<Level, int> shown;
  int left = 0;
  for (const Finding& finding : report.findings) {
    if (finding.level == Level::note && !finding.accepted) continue;
    if (++shown[finding.level] > kShown) {
      ++left;
      continue;
    }
    out += command(finding.level, finding.op.empty() ? finding.code : finding.code + " " + escaped(finding.op),
                   message_of(finding));
  }
  std::string verdict = fmt::format("{}\n{}", escaped(report.headline), coverage_sentence(report));
  if (report.policy) verdict += "\npolicy: " + policy_sentence(report);
  if (left > 0) verdict += fmt::format("\n{} more findings are not annotated", left);
  return out + command(report.outcome == Outcome::parity ? Level::note : Level::error,
                       fmt::format("plumbline {} {}", report.verb, verdict_name(report)), verdict);
}

}  // namespace plumbline
