// SPDX-License-Identifier: Apache-2.0
// Format json: the whole report as one value, indented by one blank so that two reports can be compared line by line.
#include "report/formats.h"
#include "report/json_parts.h"

namespace plumbline {
namespace {

template <class Items, class Writer>
Json list_json(const Items& items, Writer writer) {
  Json out = Json::array();
  for (const auto& item : items) out.push_back(writer(item));
  return out;
}

}  // namespace

std::string render_json(const FindReport& report) {
  Json out = head_json(report);
  out["findings"] = list_json(report.findings, finding_json);
  out["ops"] = list_json(report.ops, op_json);
  out["unmatched"] = list_json(report.unmatched, unmatched_json);
  out["notes"] = report.notes;
  return json_text(out, 1) + "\n";
}

}  // namespace plumbline
