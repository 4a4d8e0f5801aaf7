// SPDX-License-Identifier: Apache-2.0
// The sections and phrases that the writers share, each a pure function of the report. Leaves their order to the
// writers.
#pragma once
#include <string>
#include <string_view>

#include "report/report.h"

namespace plumbline {

/// "error[P0201]: ..." with places, window of values, evidence and help.
std::string render_diagnostic(const FindReport& report, const Finding& finding, const TextOptions& options);
/// Rows of op names, one character per layer, and the legend of the characters that occur.
std::string render_grid(const FindReport& report, const TextOptions& options);
/// Findings with own error, share of bound, mismatch, inherited part and gain.
std::string render_finding_table(const FindReport& report, const TextOptions& options);
/// Ops without a finding of their own whose results differ, largest first.
std::string render_inherited_table(const FindReport& report, const TextOptions& options);
/// Gains by op name and growth by layer beside their predictions; empty if the report has none.
std::string render_amplification(const FindReport& report, const TextOptions& options);

/// Pairs of elements, over all ops and steps.
struct ElementCoverage {
  int64_t compared = 0;  ///< subtracted
  int64_t judged = 0;    ///< ... of ops whose own error was held against its bound
};
ElementCoverage element_coverage(const FindReport& report);
/// Ops whose own error has a finding, and no cause was looked for, although it was at others.
int64_t causes_not_sought(const FindReport& report);
/// "not checked:" with the ops that have no verdict of their own, by reason, and other gaps; empty if there are none.
std::string render_unchecked(const FindReport& report, const TextOptions& options);

/// What was compared, on what, and what voids it, of two runs that are equal to the last bit; empty of others.
std::string render_equality(const FindReport& report, int width);
std::string markdown_equality(const FindReport& report);

/// "PARITY", "DIVERGENCE", "INCONCLUSIVE".
std::string verdict_name(const FindReport& report);
/// "34 of 34 ops judged (100.0%), 34 taps and 12 positions compared", and of a selection what it leaves out.
std::string coverage_sentence(const FindReport& report);
/// "waiver W-0007 (plumbline.toml:31), @kim, until 2027-01-31: reason".
std::string acceptance_sentence(const Acceptance& acceptance);
/// "plumbline.toml, not-worse, suite qwen3-tiny; 2 findings accepted"; empty without a policy.
std::string policy_sentence(const FindReport& report);
/// The row of that op, or nullptr.
const OpRow* row_of(const FindReport& report, const std::string& op);
/// Three significant digits; "-" for NaN (not measured), "inf".
std::string short_number(double value);
/// "layer.3.attn.q_proj" -> "attn.q_proj"; names outside the layers stay.
std::string local_name(std::string_view op, int layer);

/// What was found of the causes, a line each: what is likely or possible, then the families that were ruled out. Not
/// escaped. Empty if none was sought.
std::vector<std::string> cause_lines(const Finding& finding);

}  // namespace plumbline
