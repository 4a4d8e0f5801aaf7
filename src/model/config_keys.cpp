// SPDX-License-Identifier: Apache-2.0
#include "model/config_keys.h"

#include <cmath>

#include <plumbline/error.h>

namespace plumbline {

const nlohmann::json* ConfigKeys::find(const std::string& key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

int64_t ConfigKeys::extent(const std::string& key, int64_t largest, int64_t least) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) missing(key);
  const std::string expected = "an integer from " + std::to_string(least) + " to " + std::to_string(largest);
  if (!value->is_number_integer()) wrong_type(key, expected);
  const bool too_large = value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(largest);
  if (too_large || value->get<int64_t>() < least) wrong_type(key, expected);
  return value->get<int64_t>();
}

double ConfigKeys::positive(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) missing(key);
  if (!value->is_number()) wrong_type(key, "a number above 0");
  const double number = value->get<double>();
  if (!std::isfinite(number) || number <= 0.0) wrong_type(key, "a number above 0");
  return number;
}

std::string ConfigKeys::text(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) missing(key);
  if (!value->is_string()) wrong_type(key, "a text");
  return value->get<std::string>();
}

bool ConfigKeys::flag(const std::string& key, bool otherwise) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) wrong_type(key, "true or false");
  return value->get<bool>();
}

std::optional<ConfigKeys> ConfigKeys::object(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) wrong_type(key, "an object");
  return ConfigKeys(*value, file_, prefix_ + key + ".");
}

void ConfigKeys::missing(const std::string& key) const {
  throw CheckpointError("cannot load the model: config.json lacks " + prefix_ + key, {"file  " + file_.string()},
                        "add the key with the value that the model was trained with");
}

void ConfigKeys::wrong_type(const std::string& key, const std::string& expected) const {
  throw CheckpointError("cannot load the model: config.json has " + said(key) + "; expected: " + expected,
                        {"file  " + file_.string()}, "correct the key");
}

void ConfigKeys::unsupported(const std::string& key, const std::string& expected, const std::string& way_out) const {
  throw CheckpointError("cannot load the model: config.json has " + said(key) + "; supported: " + expected,
                        {"file  " + file_.string()}, way_out);
}

std::string ConfigKeys::said(const std::string& key) const {
  const auto found = object_.find(key);
  if (found == object_.end()) return "no " + prefix_ + key;
  return prefix_ + key + " = " + printable(found->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
}

}  // namespace plumbline
