// SPDX-License-Identifier: Apache-2.0
// The digests that a GPU recorded: dumps/golden/sm90/special_functions.json.
#pragma once
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/litmus/special_digests.h"

namespace plumbline::litmus {

inline const char* name_of(SpecialFunction function) {
  constexpr const char* kNames[] = {"rsqrt.approx.f32", "ex2.approx.ftz.f32", "expf", "cosf", "sinf"};
  return kNames[int(function)];
}

inline constexpr SpecialFunction kSpecialFunctions[] = {
    SpecialFunction::rsqrt, SpecialFunction::ex2, SpecialFunction::exp, SpecialFunction::cos, SpecialFunction::sin};

inline std::vector<uint64_t> recorded_digests(SpecialFunction function) {
  std::ifstream file(PLUMBLINE_SOURCE_DIR "/dumps/golden/sm90/special_functions.json");
  const nlohmann::json recorded = nlohmann::json::parse(file);
  std::vector<uint64_t> digests;
  for (const std::string text : recorded.at("digests").at(name_of(function)))
    digests.push_back(std::stoull(text, nullptr, 16));
  return digests;
}

}  // namespace plumbline::litmus
