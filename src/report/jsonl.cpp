// SPDX-License-Identifier: Apache-2.0
// Format jsonl: one object per line for log pipelines, each with "$type". Invariant: the first line is the head, the
// last is of type "end" and counts the lines between, so that a file that was cut short is seen to be.
#include "report/formats.h"
#include "report/json_parts.h"

namespace plumbline {
namespace {

std::string line(const char* type, const Json& value) {
  Json out = {{"$type", type}};
  out.update(value);
  return json_text(out, -1) + "\n";
}

}  // namespace

std::string render_jsonl(const FindReport& report) {
  std::string out = line("report", head_json(report));
  for (const Finding& finding : report.findings) out += line("finding", finding_json(finding));
  for (const OpRow& row : report.ops) out += line("op", op_json(row));
  for (const UnmatchedTap& tap : report.unmatched) out += line("unmatched", unmatched_json(tap));
  for (const std::string& note : report.notes) out += line("note", {{"text", note}});
  return out + line("end", {{"exit_status", exit_status(report.outcome)},
                            {"findings", report.findings.size()},
                            {"ops", report.ops.size()},
                            {"unmatched", report.unmatched.size()},
                            {"notes", report.notes.size()}});
}

}  // namespace plumbline
