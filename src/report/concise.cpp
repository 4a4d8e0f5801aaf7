// SPDX-License-Identifier: Apache-2.0
// Format concise: a line per finding, "FILE: OP: level[CODE]: sentence", and last the verdict.
#include <fmt/format.h>

#include "report/escape.h"
#include "report/formats.h"
#include "report/parts.h"

namespace plumbline {

std::string render_concise(const FindReport& report) {
  std::string out;
  const std::string file = escaped(report.candidate.file);
  for (const Finding& finding : report.findings) {
    const std::string where = finding.op.empty() ? "" : escaped(finding.op) + ": ";
    const std::string accepted = finding.accepted ? "; accepted: " + acceptance_sentence(*finding.accepted) : "";
    out += fmt::format("{}: {}{}[{}]: {}{}\n", file, where, level_name(finding.level), finding.code,
                       escaped(finding.title), accepted);
  }
  return out + fmt::format("{}: {}: {}; {}\n", file, verdict_name(report), escaped(report.headline),
                           coverage_sentence(report));
}

}  // namespace plumbline
