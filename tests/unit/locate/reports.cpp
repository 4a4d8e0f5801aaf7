// SPDX-License-Identifier: Apache-2.0
#include "unit/locate/reports.h"

#include <algorithm>

#include "support/catch.h"

namespace plumbline::test {

const OpRow& row(const FindReport& report, const std::string& op) {
  const auto found = std::find_if(report.ops.begin(), report.ops.end(), [&](const OpRow& one) { return one.op == op; });
  REQUIRE(found != report.ops.end());
  return *found;
}

std::vector<std::string> ops_at_fault(const FindReport& report) {
  std::vector<std::string> ops;
  for (const Finding& finding : report.findings)
    if (finding.role && finding.level == Level::error) ops.push_back(finding.op);
  return ops;
}

}  // namespace plumbline::test
