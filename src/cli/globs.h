// SPDX-License-Identifier: Apache-2.0
// Globs of tap paths on the command line: one that matches nothing is a slip of the pen and not an empty wish.
#pragma once
#include <string>
#include <vector>

#include <plumbline/trace.h>

namespace plumbline {

/// Throws UsageError naming `where` ("plumbline ls"), the first glob that matches no path, and the nearest paths.
void require_matches(const std::string& where, const std::vector<std::string>& globs,
                     const std::vector<std::string>& paths);

/// Every path that a trace holds, then those that its op graph declares.
std::vector<std::string> known_paths(const Trace& trace);
/// Names of the ops that a trace's graph declares.
std::vector<std::string> known_ops(const Trace& trace);

}  // namespace plumbline
