// SPDX-License-Identifier: Apache-2.0
// Typed access to the key/value pairs of a GGUF file that is being imported. Every complaint is a CheckpointError that
// names file and key.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "model/gguf.h"

namespace plumbline {

class GgufKeys {
 public:
  /// Borrows.
  explicit GgufKeys(const GgufFile& file) : file_(file) {}

  bool has(std::string_view key) const { return file_.find(key) != nullptr; }
  /// Each throws for a value of another type; those without a default also for a key that is absent.
  int64_t integer(const std::string& key, int64_t least, int64_t most) const;
  std::optional<int64_t> optional_integer(const std::string& key, int64_t least, int64_t most) const;
  /// A finite number above 0. An f32 as the double whose decimal is the shortest that denotes it (1e-05, where the f32
  /// itself is 9.99999974e-06): what stood in the config that the file was made from, and the same f32 again.
  double positive(const std::string& key) const;
  std::string text(const std::string& key) const;
  bool flag(const std::string& key, bool otherwise) const;
  std::vector<std::string_view> texts(const std::string& key) const;

  /// What is in the file is not read here: summary, key and value, then what to do.
  [[noreturn]] void refuse(const std::string& what, const std::string& key, const std::string& needed,
                           const std::string& way_out) const;
  /// The same about anything else in the file.
  [[noreturn]] void refuse(const std::string& what, std::vector<std::string> details, const std::string& way_out) const;

 private:
  const GgufValue& value(const std::string& key, const std::string& needed) const;
  std::string said(const std::string& key) const;  ///< the value, shortened; "absent"

  const GgufFile& file_;
};

/// `text` in JSON's quotes, or nothing if it is no UTF-8.
std::optional<std::string> json_text(std::string_view text);

}  // namespace plumbline
