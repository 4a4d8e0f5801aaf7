// SPDX-License-Identifier: Apache-2.0
// One writer per output format; all say the same of the same report. Leaves the choice among them to report.h.
// Invariant: a writer is a pure function; a reader that sees only its text can tell the three outcomes apart.
#pragma once
#include <string>

#include <plumbline/find.h>

namespace plumbline {

/// One line per finding for grep and problem matchers, then one line with the verdict.
std::string render_concise(const FindReport& report);
/// Schema "plumbline-report" (dumps/schema/plumbline-report.schema.json): minor versions add keys, readers ignore
/// unknown ones. Non-finite numbers are the strings "nan", "inf", "-inf".
std::string render_json(const FindReport& report);
/// The same pieces, one per line.
std::string render_jsonl(const FindReport& report);
/// Markdown for the summary page of a job: verdict, first finding, table, and the rest folded away.
std::string render_markdown(const FindReport& report);
/// JUnit XML: a suite per layer, a case per op, and the case "_coverage". Without parity at least one case is red.
std::string render_junit(const FindReport& report);
/// Workflow commands of GitHub Actions: one annotation per finding within GitHub's limits, then the verdict.
std::string render_github(const FindReport& report);

}  // namespace plumbline
