// SPDX-License-Identifier: Apache-2.0
// What a gate demands beyond "no divergence": enough was judged, and nothing stopped being recorded.
// Invariant: a gate makes an outcome stricter, but for ops whose missing taps are allowed; a divergence stays one.
#pragma once
#include <string>
#include <vector>

#include <plumbline/find.h>

namespace plumbline {

struct GateOptions {
  double min_coverage = 0.98;              ///< share of the reference's ops that must have been judged
  std::vector<std::string> allow_missing;  ///< globs: taps that one side or both may lack
};

/// Adds findings P0501 and P0502 and turns parity into inconclusive where a demand is not met. Ops that could not be
/// judged for lack of taps (P0104) are waived if allow_missing covers all of those; they stay out of the coverage.
/// Throws UsageError if min_coverage is not within 0 and 1.
void apply_gate(FindReport& report, const GateOptions& options);

}  // namespace plumbline
