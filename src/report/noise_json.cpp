// SPDX-License-Identifier: Apache-2.0
// A NoiseReport as JSON. NaN and infinity become null (nlohmann's rule), which the schema allows where they can occur.
#include <nlohmann/json.hpp>

#include "report/noise.h"

namespace plumbline {
namespace {

using Json = nlohmann::ordered_json;

Json position_json(const PositionNoise& p) {
  return {{"position", p.position},   {"sigma", p.sigma},     {"half_unit", p.half_unit},
          {"spread", p.spread},       {"kl_mean", p.kl_mean}, {"kl_max", p.kl_max},
          {"agreement", p.agreement}, {"margin", p.margin},   {"margin_sigmas", p.margin_sigmas(p.margin)}};
}

Json floor_json(const NoiseFloor& floor) {
  Json ops = Json::array(), layers = Json::array(), positions = Json::array();
  for (const OpNoise& op : floor.ops)
    ops.push_back({{"op", op.op}, {"kind", op.kind}, {"layer", op.layer}, {"relative", op.relative}});
  for (const LayerNoise& layer : floor.layers)
    layers.push_back({{"layer", layer.layer}, {"relative", layer.relative}, {"signal", layer.signal}});
  for (const PositionNoise& position : floor.positions) positions.push_back(position_json(position));
  return {{"source", floor.source},
          {"runs", floor.runs},
          {"confidence", 0.95},
          {"sigma_factor", floor.factor},
          {"chaotic", floor.chaotic()},
          {"forgets_layer", floor.forgets ? Json(*floor.forgets) : Json(nullptr)},
          {"growth", floor.growth},
          {"limit", floor.limit},
          {"logits",
           {{"relative", floor.logits},
            {"agreement", floor.agreement},
            {"kl_mean", floor.kl_mean},
            {"kl_max", floor.kl_max}}},
          {"ops", ops},
          {"layers", layers},
          {"positions", positions}};
}

Json verdict_json(const NoiseVerdict& verdict) {
  Json positions = Json::array();
  for (const PositionVerdict& p : verdict.positions)
    positions.push_back({{"position", p.position},
                         {"sigmas", p.sigmas},
                         {"kl", p.kl},
                         {"flipped", p.flipped},
                         {"margin_sigmas", p.margin_sigmas},
                         {"beyond", p.beyond}});
  return {{"trace", verdict.file},
          {"backend", verdict.backend},
          {"outcome", noise_outcome_name(verdict.outcome)},
          {"reason", verdict.reason},
          {"limit", verdict.limit},
          {"reference_sigmas", verdict.reference_sigmas},
          {"candidate_sigmas", verdict.candidate_sigmas},
          {"positions", positions}};
}

}  // namespace

std::string noise_json(const NoiseReport& report) {
  Json floors = Json::array();
  for (const NoiseFloor& floor : report.floors) floors.push_back(floor_json(floor));
  const Json out = {{"schema", {{"name", "plumbline-noise"}, {"version", "1.0"}}},
                    {"trace", report.file},
                    {"backend", report.backend},
                    {"architecture", report.architecture},
                    {"model", report.model},
                    {"seed", report.seed},
                    {"floors", floors},
                    {"against", report.against ? verdict_json(*report.against) : Json(nullptr)},
                    {"notes", report.notes}};
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace plumbline
