// SPDX-License-Identifier: Apache-2.0
// The measured half of an audit as JSON. NaN and infinity become null.
#include <nlohmann/json.hpp>

#include "report/audit_parts.h"

namespace plumbline {
namespace {

using Json = nlohmann::ordered_json;

Json stage_json(const ModelStage& stage) {
  return {{"tap", stage.tap},
          {"layer", stage.layer},
          {"count", stage.count},
          {"nonfinite", stage.nonfinite},
          {"deviation", stage.deviation},
          {"largest", stage.largest},
          {"growth", stage.growth},
          {"state", stage_state_name(stage.state)}};
}

Json noise_json(const NoiseFloor& floor) {
  return {{"runs", floor.runs},        {"logits", floor.logits},       {"kl_mean", floor.kl_mean},
          {"kl_max", floor.kl_max},    {"agreement", floor.agreement}, {"growth", floor.growth},
          {"chaotic", floor.chaotic()}};
}

}  // namespace

nlohmann::ordered_json measured_json(const MeasuredAudit& measured) {
  Json stages = Json::array(), logits = Json::array();
  for (const ModelStage& stage : measured.stages.stages) stages.push_back(stage_json(stage));
  for (const LogitRow& row : measured.logits)
    logits.push_back({{"layer", row.layer}, {"bound", row.bound}, {"seen", row.seen}, {"noise", row.noise}});
  const auto& begins = measured.stages.begins;
  return {
      {"trace", measured.file},
      {"backend", measured.backend},
      {"step", measured.stages.step},
      {"of_statistics", measured.stages.of_statistics},
      {"missing_stages", measured.stages.missing},
      {"stages", stages},
      {"breaks_at", measured.stages.breaks ? Json(measured.stages.stages[*measured.stages.breaks].tap) : Json(nullptr)},
      {"begins_at",
       begins ? Json{{"op", begins->op}, {"result", begins->result}, {"inputs", begins->inputs}} : Json(nullptr)},
      {"attention_logits", logits},
      {"noise", measured.noise ? noise_json(*measured.noise) : Json(nullptr)},
      {"without_noise", measured.without_noise}};
}

}  // namespace plumbline
