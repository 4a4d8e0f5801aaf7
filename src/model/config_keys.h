// SPDX-License-Identifier: Apache-2.0
// Typed access to the keys of config.json. Every complaint is a CheckpointError that names file and key.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "model/strict_json.h"

namespace plumbline {

// Extents are bounded so that no product of two of them, in bytes, overflows 64 bits.
inline constexpr int64_t kMostLayers = 10'000, kMostHeads = 1 << 16, kLargestWidth = 1 << 24, kLargestVocab = 1 << 30;
inline constexpr int64_t kMostPositions = int64_t{1} << 40;

class ConfigKeys {
 public:
  /// Borrows both. `prefix` is put before key names in messages: "rope_parameters.".
  ConfigKeys(const nlohmann::json& object, const std::filesystem::path& file, std::string prefix = "")
      : object_(object), file_(file), prefix_(std::move(prefix)) {}

  /// The value, or nullptr if the key is absent or null.
  const nlohmann::json* find(const std::string& key) const;
  bool absent(const std::string& key) const { return !object_.contains(key); }

  /// Each throws for a value of another type; those without a default also for a key that is absent or null.
  int64_t extent(const std::string& key, int64_t largest, int64_t least = 1) const;  ///< least to largest
  double positive(const std::string& key) const;  ///< finite, above 0; an integer is taken too
  std::string text(const std::string& key) const;
  bool flag(const std::string& key, bool otherwise) const;
  /// An object below this one, or nothing if absent or null.
  std::optional<ConfigKeys> object(const std::string& key) const;

  [[noreturn]] void missing(const std::string& key) const;
  [[noreturn]] void wrong_type(const std::string& key, const std::string& expected) const;
  /// "unsupported": the value of `key` asks for something that is not implemented.
  [[noreturn]] void unsupported(const std::string& key, const std::string& expected, const std::string& way_out) const;

 private:
  std::string said(const std::string& key) const;  ///< 'key = value', the value as JSON, shortened; or 'no key'

  const nlohmann::json& object_;
  const std::filesystem::path& file_;
  std::string prefix_;
};

}  // namespace plumbline
