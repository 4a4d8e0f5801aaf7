// SPDX-License-Identifier: Apache-2.0
// Which twins apply to a command line.
#include "options/environment.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <plumbline/error.h>

namespace plumbline {
namespace {

std::optional<std::string> from_process(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

/// Whether an argument spells that option: --rows, --rows=3, -n, -n3. What stands after "--" spells none.
bool given(const OptionRow& row, const std::vector<std::string>& arguments) {
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  return std::any_of(arguments.begin(), end, [&](const std::string& argument) {
    return std::any_of(row.names.begin(), row.names.end(), [&](const std::string& name) {
      const bool whole = argument == name;
      return whole || (name.starts_with("--") ? argument.starts_with(name + "=") : argument.starts_with(name));
    });
  });
}

bool is_one_of(const std::string& value, const std::array<const char*, 4>& words) {
  return std::find(words.begin(), words.end(), value) != words.end();
}

bool flag_value(const std::string& variable, const std::string& value) {
  if (is_one_of(value, {"1", "true", "yes", "on"})) return true;
  if (is_one_of(value, {"0", "false", "no", "off"})) return false;
  throw UsageError("the environment's " + variable + " is neither yes nor no", {"given  '" + value + "'"},
                   "set it to 1 or 0, or unset it");
}

}  // namespace

EnvironmentTwins environment_twins(const VerbRow& verb, const std::vector<std::string>& arguments,
                                   const Getenv& getenv) {
  EnvironmentTwins twins;
  for (const OptionRow& row : verb.options) {
    if (row.environment.empty() || given(row, arguments)) continue;
    const std::optional<std::string> value = getenv ? getenv(row.environment) : from_process(row.environment);
    if (!value || value->empty()) continue;
    if (row.flag() && !flag_value(row.environment, *value)) continue;
    twins.arguments.push_back(row.flag() ? row.names.back() : row.names.back() + "=" + *value);
    twins.used.push_back(row.environment + "=" + *value);
  }
  return twins;
}

}  // namespace plumbline
