// SPDX-License-Identifier: Apache-2.0
// The paragraph of two runs that are equal to the last bit: what was compared, on what, and what voids it.
#include <fmt/format.h>

#include "report/escape.h"
#include "report/markup.h"
#include "report/parts.h"

namespace plumbline {
namespace {

/// "24, 4 x 1".
std::string steps_text(const std::vector<int64_t>& tokens) {
  std::string text;
  for (size_t i = 0; i < tokens.size();) {
    size_t end = i;
    while (end < tokens.size() && tokens[end] == tokens[i]) ++end;
    text += text.empty() ? "" : ", ";
    text += end - i == 1 ? fmt::format("{}", tokens[i]) : fmt::format("{} x {}", end - i, tokens[i]);
    i = end;
  }
  return text;
}

std::string compared_sentence(const BitEquality& equality) {
  return fmt::format("equal bit for bit: all {} taps, {} values in {} bytes, of {} step{} of {} tokens", equality.taps,
                     equality.values, equality.bytes, equality.step_tokens.size(),
                     equality.step_tokens.size() == 1 ? "" : "s", steps_text(equality.step_tokens));
}

std::string void_sentence(const BitEquality& equality) {
  std::string text;
  for (const std::string& reason : equality.void_if) text += (text.empty() ? "not shown for: " : "; ") + reason;
  return text;
}

std::string value_text(const std::string& value) { return value.empty() ? "not recorded" : value; }

}  // namespace

std::string render_equality(const FindReport& report, int width) {
  if (!report.equality) return "";
  std::string out = wrap(compared_sentence(*report.equality), "  ", "    ", width);
  for (const EqualityFact& fact : report.equality->facts) {
    const std::string left = escaped(value_text(fact.reference)), right = escaped(value_text(fact.candidate));
    const std::string sides = left == right ? left + " on both sides" : left + " | " + right;
    out += wrap(sides, fmt::format("    {:<11}", fact.name), "               ", width);
  }
  return out + wrap(void_sentence(*report.equality), "  ", "    ", width);
}

std::string markdown_equality(const FindReport& report) {
  if (!report.equality) return "";
  std::string out = "\n" + compared_sentence(*report.equality) + "\n\n| | reference | candidate |\n|--|--|--|\n";
  for (const EqualityFact& fact : report.equality->facts)
    out += fmt::format("| {} | {} | {} |\n", fact.name, markdown_escaped(value_text(fact.reference)),
                       markdown_escaped(value_text(fact.candidate)));
  return out + "\n" + void_sentence(*report.equality) + "\n";
}

}  // namespace plumbline
