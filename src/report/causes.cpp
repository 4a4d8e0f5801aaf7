// SPDX-License-Identifier: Apache-2.0
// Causes in words.
#include <fmt/format.h>

#include "report/parts.h"

namespace plumbline {

std::vector<std::string> cause_lines(const Finding& finding) {
  std::vector<std::string> lines, out;
  for (const Cause& cause : finding.causes) {
    if (cause.status == CauseStatus::ruled_out) {
      out.push_back(cause.code);
      continue;
    }
    const std::string where = cause.op == finding.op ? "" : fmt::format(" (in {}, which was not recorded)", cause.op);
    lines.push_back(fmt::format("{} [{}]: {}{}; {}", cause_status_name(cause.status), cause.code, cause.text, where,
                                cause.statistic));
  }
  if (lines.empty() && !out.empty()) lines.push_back("no known pattern: no supposed mistake explains the error");
  if (!out.empty()) lines.push_back(fmt::format("tried by replay and not it: {}", fmt::join(out, ", ")));
  return lines;
}

}  // namespace plumbline
