// SPDX-License-Identifier: Apache-2.0
// Two files, one key.
#include "run/stop_tokens.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

std::vector<int64_t> ids_of(const nlohmann::json& config) {
  const auto found = config.is_object() ? config.find("eos_token_id") : config.end();
  if (found == config.end()) return {};
  std::vector<int64_t> ids;
  for (const nlohmann::json& id : found->is_array() ? *found : nlohmann::json::array({*found}))
    if (id.is_number_integer()) ids.push_back(id.get<int64_t>());
  return ids;
}

}  // namespace

StopTokens stop_tokens(const Model& model) {
  const std::filesystem::path file = model.directory / "generation_config.json";
  if (std::ifstream stream(file, std::ios::binary); stream.is_open()) {
    const nlohmann::json config = nlohmann::json::parse(stream, nullptr, /*allow_exceptions=*/false);
    if (config.is_discarded())
      throw InputError("plumbline run: " + file.string() + " is no JSON", {}, "repair or remove it");
    if (std::vector<int64_t> ids = ids_of(config); !ids.empty()) return {std::move(ids), "generation_config.json"};
  }
  std::vector<int64_t> ids = ids_of(nlohmann::json::parse(model.config.json, nullptr, false));
  return ids.empty() ? StopTokens{} : StopTokens{std::move(ids), "config.json"};
}

}  // namespace plumbline::run
