// SPDX-License-Identifier: Apache-2.0
// What tests ask of a report.
#pragma once
#include <string>
#include <vector>

#include "locate/find.h"

namespace plumbline::test {

/// The row of an op, which must be there.
const OpRow& row(const FindReport& report, const std::string& op);

/// Where the candidate is at fault, in order.
std::vector<std::string> ops_at_fault(const FindReport& report);

}  // namespace plumbline::test
