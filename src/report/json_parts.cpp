// SPDX-License-Identifier: Apache-2.0
// One function per piece of the report. JSON has no NaN and no infinity: they are written as strings, never as null.
#include "report/json_parts.h"

#include <cmath>

#include "report/parts.h"

namespace plumbline {
namespace {

Json number_json(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

Json values_json(const std::vector<StoredValue>& values) {
  Json out = Json::array();
  for (const StoredValue& value : values)
    out.push_back(value.present ? Json{{"dec", number_json(value.value)}, {"bits", value.bits}} : Json(nullptr));
  return out;
}

Json window_json(const ValueWindow& window) {
  Json replay = Json::array();
  for (const double value : window.replay) replay.push_back(number_json(value));
  return {{"axis", window.axis},
          {"columns", window.columns},
          {"marked", window.marked},
          {"ref_dtype", dtype_name(window.reference_dtype)},
          {"cand_dtype", dtype_name(window.candidate_dtype)},
          {"ref", values_json(window.reference)},
          {"cand", values_json(window.candidate)},
          {"replay", replay},
          {"off_by", number_json(window.off_by)},
          {"off_ulps", number_json(window.off_ulps)}};
}

Json place_json(const Place& place) {
  return {{"tap", place.tap},
          {"axes", place.axes},
          {"position", place.position},
          {"ref", {{"step", place.reference_step}, {"index", place.reference_index}}},
          {"cand", {{"step", place.candidate_step}, {"index", place.candidate_index}}}};
}

Json acceptance_json(const Acceptance& acceptance) {
  return {{"by", acceptance.by},
          {"where", acceptance.where},
          {"reason", acceptance.reason},
          {"owner", acceptance.owner},
          {"expires", acceptance.expires}};
}

Json amplification_json(const Amplification& amplification) {
  Json layers = Json::array();
  for (const LayerGrowth& layer : amplification.layers)
    layers.push_back({{"layer", layer.layer},
                      {"predicted", number_json(layer.predicted)},
                      {"compounded", number_json(layer.compounded)},
                      {"difference", number_json(layer.difference)},
                      {"growth", number_json(layer.growth)}});
  return {{"entered_at", amplification.entered_at},
          {"entered", number_json(amplification.entered)},
          {"predicted_at_end", number_json(amplification.predicted_at_end)},
          {"growth_at_end", number_json(amplification.growth_at_end)},
          {"layers", layers}};
}

Json scope_json(const ReportScope& scope, size_t ops) {
  const auto selected = static_cast<int64_t>(ops);
  return {{"select", scope.select},
          {"exclude", scope.exclude},
          {"taps", scope.taps},
          {"selected_taps", scope.selected_taps},
          {"ops", selected + scope.ops_outside},
          {"selected_ops", selected},
          {"findings_outside", scope.findings_outside},
          {"unmatched_outside", scope.unmatched_outside}};
}

Json cause_json(const Cause& cause) {
  return {{"status", cause_status_name(cause.status)},
          {"code", cause.code},
          {"op", cause.op},
          {"text", cause.text},
          {"statistic", cause.statistic},
          {"left", number_json(cause.left)},
          {"improvement", number_json(cause.improvement)}};
}

Json trace_json(const TraceSummary& trace) {
  return {{"path", trace.file},
          {"run_id", trace.run_id},
          {"backend", trace.backend},
          {"device", trace.device},
          {"architecture", trace.architecture},
          {"faults", trace.faults},
          {"steps", trace.steps},
          {"taps", trace.taps},
          {"positions", trace.positions},
          {"foreign", trace.foreign},
          {"recovered", trace.recovered}};
}

}  // namespace

Json finding_json(const Finding& finding) {
  Json out = {{"code", finding.code},
              {"level", level_name(finding.level)},
              {"role", finding.role ? Json(role_name(*finding.role)) : Json(nullptr)},
              {"op", finding.op},
              {"layer", finding.layer},
              {"contract", finding.contract},
              {"title", finding.title}};
  out["location"] = finding.place ? place_json(*finding.place) : Json(nullptr);
  out["values"] = finding.window ? window_json(*finding.window) : Json(nullptr);
  out["causes"] = Json::array();
  for (const Cause& cause : finding.causes) out["causes"].push_back(cause_json(cause));
  out["evidence"] = finding.evidence;
  out["help"] = finding.help;
  out["explains"] = finding.explains;
  out["accepted"] = finding.accepted ? acceptance_json(*finding.accepted) : Json(nullptr);
  return out;
}

Json op_json(const OpRow& row) {
  return {{"op", row.op},
          {"kind", row.kind},
          {"layer", row.layer},
          {"role", role_name(row.role)},
          {"contract", row.contract},
          {"segment", row.segment},
          {"reason", row.reason},
          {"missing", row.missing},
          {"judged", row.judged},
          {"failed", row.failed},
          {"reference_failed", row.reference_failed},
          {"compared", row.compared},
          {"metrics",
           {{"own_share", number_json(row.own_share)},
            {"reference_share", number_json(row.reference_share)},
            {"mismatch", number_json(row.mismatch)},
            {"expected_mismatch", number_json(row.expected_mismatch)},
            {"own", number_json(row.own)},
            {"reference_own", number_json(row.reference_own)},
            {"inherited", number_json(row.inherited)},
            {"total", number_json(row.total)},
            {"rms_ratio", number_json(row.rms_ratio)},
            {"loudness", number_json(row.loudness)},
            {"bias", number_json(row.bias)},
            {"residue", number_json(row.residue)},
            {"input_difference", number_json(row.input_difference)},
            {"gain", number_json(row.gain)},
            {"benign_gain", number_json(row.benign_gain)},
            {"benign_low", number_json(row.benign_low)},
            {"benign_high", number_json(row.benign_high)},
            {"predicted_gain", number_json(row.predicted_gain)},
            {"exact_own", number_json(row.exact_own)},
            {"exact_reference_own", number_json(row.exact_reference_own)},
            {"exact_share", number_json(row.exact_share)},
            {"exact_reference_share", number_json(row.exact_reference_share)},
            {"exact_excess", number_json(row.exact_excess)},
            {"max_abs", number_json(row.max_abs)},
            {"nmse", number_json(row.nmse)},
            {"cosine", number_json(row.cosine)},
            {"unequal", number_json(row.unequal)},
            {"elements", row.elements},
            {"nonfinite_differs", row.nonfinite_differs}}}};
}

Json unmatched_json(const UnmatchedTap& tap) {
  return {{"path", tap.path}, {"in", tap.in_reference ? "ref" : "cand"}, {"near_misses", tap.near_misses}};
}

namespace {

/// null: that trace does not say.
Json equality_json(const BitEquality& equality) {
  const auto value = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  Json facts = Json::array();
  for (const EqualityFact& fact : equality.facts)
    facts.push_back({{"name", fact.name}, {"ref", value(fact.reference)}, {"cand", value(fact.candidate)}});
  return {{"taps", equality.taps},   {"values", equality.values},
          {"bytes", equality.bytes}, {"step_tokens", equality.step_tokens},
          {"facts", facts},          {"void_if", equality.void_if}};
}

}  // namespace

Json head_json(const FindReport& report) {
  const Finding* first = report.first_divergence();
  Json out = {{"schema", {{"name", "plumbline-report"}, {"version", "1.6"}}}, {"verb", report.verb}};
  out["outcome"] = {{"verdict", outcome_name(report.outcome)},
                    {"exit_status", exit_status(report.outcome)},
                    {"headline", report.headline},
                    {"first_divergence", first == nullptr ? Json(nullptr) : Json(first->op)}};
  out["inputs"] = {
      {"ref", trace_json(report.reference)}, {"cand", trace_json(report.candidate)}, {"model", report.model}};
  const ElementCoverage elements = element_coverage(report);
  out["coverage"] = {{"reference_ops", report.coverage.reference_ops},
                     {"judged_ops", report.coverage.judged_ops},
                     {"share", number_json(report.coverage.share())},
                     {"compared_elements", elements.compared},
                     {"judged_elements", elements.judged},
                     {"causes_not_sought", causes_not_sought(report)},
                     {"compared_taps", report.coverage.compared_taps},
                     {"positions", report.coverage.positions}};
  out["selection"] = report.scope ? scope_json(*report.scope, report.ops.size()) : Json(nullptr);
  out["layers"] = report.layers;
  out["policy"] =
      report.policy
          ? Json{{"file", report.policy->file}, {"suite", report.policy->suite}, {"kind", report.policy->kind}}
          : Json(nullptr);
  out["amplification"] = report.amplification ? amplification_json(*report.amplification) : Json(nullptr);
  out["equality"] = report.equality ? equality_json(*report.equality) : Json(nullptr);
  return out;
}

std::string json_text(const Json& value, int indent) {
  return value.dump(indent, ' ', true, Json::error_handler_t::replace);
}

}  // namespace plumbline
