// SPDX-License-Identifier: Apache-2.0
// An audit as JSON. NaN and infinity become null (nlohmann's rule), which the schema allows where they can occur.
#include <nlohmann/json.hpp>

#include "report/audit_parts.h"

namespace plumbline {
namespace {

using Json = nlohmann::ordered_json;

Json statistics_json(const WeightStatistics& s) {
  return {{"count", s.count},
          {"nan", s.nans},
          {"infinite", s.infinities},
          {"zeros", s.zeros},
          {"min", s.least},
          {"median", s.median.value},
          {"median_error", s.median.error},
          {"max", s.largest},
          {"median_magnitude", s.median_magnitude.value},
          {"median_magnitude_error", s.median_magnitude.error},
          {"max_over_median", s.spread()},
          {"mean", s.moments.count > 0 ? Json(s.moments.mean) : Json(nullptr)},
          {"deviation", s.moments.deviation()},
          {"kurtosis", s.moments.kurtosis()}};
}

Json tensor_json(const AuditedTensor& tensor) {
  return {{"name", tensor.name},
          {"file", tensor.file},
          {"kind", tensor.kind},
          {"layer", tensor.layer},
          {"dtype", dtype_name(tensor.dtype)},
          {"shape", tensor.shape},
          {"expected", tensor.expected},
          {"statistics", tensor.statistics ? statistics_json(*tensor.statistics) : Json(nullptr)}};
}

Json finding_json(const AuditFinding& finding) {
  return {{"code", audit_code(finding.rule)},
          {"level", finding.level == AuditLevel::error ? "error" : "warning"},
          {"title", finding.title},
          {"tensors", finding.tensors},
          {"file", finding.file},
          {"evidence", finding.evidence},
          {"help", finding.help}};
}

Json notes_json(const AuditReport& report) {
  const NotesScore& notes = report.notes_checker;
  Json layers = Json::array();
  for (const NotesLayer& layer : notes.layers)
    layers.push_back({{"layer", layer.layer},
                      {"k_max", layer.k_max},
                      {"k_median", layer.k_median},
                      {"k_ratio", layer.k_ratio()},
                      {"q_max", layer.q_max},
                      {"q_median", layer.q_median},
                      {"extreme", layer.extreme()}});
  return {{"label", "the formula of the case study's notes; not a measurement"},
          {"looked", !notes.layers.empty()},
          {"score", notes.score},
          {"verdict", notes.verdict()},
          {"a", notes.a},
          {"b", notes.b},
          {"c", notes.c},
          {"worst_k_ratio", notes.worst_ratio},
          {"largest_k", notes.largest_k},
          {"extreme_layers", notes.extreme_layers},
          {"amplification", notes.amplification},
          {"layers", layers}};
}

}  // namespace

std::string audit_json(const AuditReport& report, const MeasuredAudit* measured) {
  Json findings = Json::array(), tensors = Json::array(), kinds = Json::array();
  for (const AuditFinding& finding : report.findings) findings.push_back(finding_json(finding));
  for (const AuditedTensor& tensor : report.tensors) tensors.push_back(tensor_json(tensor));
  for (const AuditedKind& kind : report.kinds)
    kinds.push_back({{"kind", kind.kind},
                     {"dtype", dtype_name(kind.dtype)},
                     {"tensors", kind.tensors.size()},
                     {"statistics", statistics_json(kind.statistics)}});
  const Json out = {
      {"schema", {{"name", "plumbline-audit"}, {"version", "1.1"}}},
      {"model", report.directory.string()},
      {"architecture", report.config.architecture},
      {"verdict", audit_verdict(report)},
      {"bytes", report.bytes},
      {"parameters", {{"expected", report.expected}, {"present", report.present}}},
      {"facts",
       {{"head", report.head}, {"heads", report.heads}, {"rope_theta", report.theta}, {"embedding", report.embedding}}},
      {"squares",
       {{"all", report.squares}, {"upright", report.squares_upright}, {"transposed", report.squares_transposed}}},
      {"findings", findings},
      {"kinds", kinds},
      {"tensors", tensors},
      {"logit_bound", report.logit_bound_layer < 0 ? Json(nullptr) : Json(report.logit_bound)},
      {"notes_checker", notes_json(report)},
      {"ignored", report.notes},
      {"measured", measured != nullptr ? measured_json(*measured) : Json(nullptr)}};
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace plumbline
