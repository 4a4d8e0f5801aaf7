// SPDX-License-Identifier: Apache-2.0
// Candidates in which one op computed something else, by code of the test's own.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "unit/locate/traces.h"

namespace plumbline::test {

/// Every tap that the run recorded so far, widened: what a mistaken op can read.
using Seen = std::map<std::string, std::vector<double>>;

/// Values to store in place of the right ones (rounded once to the tap's format by the recorder).
using Instead = std::function<std::vector<double>(const Seen& seen, std::vector<double> right)>;

/// A run of the shared small model in which `tap` holds what `instead` gives. Later ops are computed from the right
/// values, so they fail too: a test looks at the finding of its own op.
Trace mistaken_run(const Bench& bench, const std::string& name, const std::string& tap, const Instead& instead,
                   int64_t tokens = 16);

}  // namespace plumbline::test
