// SPDX-License-Identifier: Apache-2.0
// One table of a TOML file, read key by key. Invariant: a section knows all its keys; a stranger, a wrong type or a
// value out of range is an InputError with file and line.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The library's compiled part is not linked: one translation unit or two need it.
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include "gate/date.h"
#include "gate/policy.h"

namespace plumbline {

/// Throws InputError "FILE:LINE: MESSAGE".
[[noreturn]] void refuse(const std::string& file, const toml::node& node, const std::string& message,
                         const std::string& way_out);

class Section {
 public:
  /// `name` as spelled in the file, "" for the top. Throws if the table has a key that is not among `keys`.
  Section(const toml::table& table, std::string file, std::string name, const std::vector<std::string>& keys);
  int line() const;
  int line_of(std::string_view key) const;  ///< the section's own if the key is absent
  bool has(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  /// Throws if the key is absent or the text is empty.
  std::string required_text(std::string_view key) const;
  /// Integers serve as well; throws unless low <= value <= high.
  std::optional<double> number(std::string_view key, double low, double high) const;
  double required_number(std::string_view key, double low, double high) const;
  Date required_date(std::string_view key) const;
  /// A list of texts; empty if the key is absent.
  std::vector<Pattern> texts(std::string_view key) const;
  /// Throws with the section's name, the key and what it should be.
  [[noreturn]] void refuse_key(std::string_view key, const std::string& message, const std::string& way_out = "") const;

 private:
  const toml::node& node(std::string_view key) const;
  std::string spelled(std::string_view key) const;
  const toml::table& table_;
  std::string file_, name_;
};

}  // namespace plumbline
