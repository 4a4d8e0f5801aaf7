// SPDX-License-Identifier: Apache-2.0
// Reading with complaints.
#include "gate/toml_section.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <plumbline/error.h>

#include <algorithm>

#include "core/printable.h"

namespace plumbline {
namespace {

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "a list";
    case toml::node_type::string: return "a text";
    case toml::node_type::integer:
    case toml::node_type::floating_point: return "a number";
    case toml::node_type::boolean: return "true or false";
    case toml::node_type::date: return "a date";
    default: return "a time";
  }
}

}  // namespace

void refuse(const std::string& file, const toml::node& node, const std::string& message, const std::string& way_out) {
  throw InputError(fmt::format("{}:{}: {}", file, node.source().begin.line, printable_text(message)), {}, way_out);
}

Section::Section(const toml::table& table, std::string file, std::string name, const std::vector<std::string>& known)
    : table_(table), file_(std::move(file)), name_(std::move(name)) {
  for (const auto& [key, value] : table_) {
    const std::string given(key.str());
    if (std::find(known.begin(), known.end(), given) != known.end()) continue;
    const std::vector<std::string> near = near_misses(given, known, 1);
    const int line = static_cast<int>(key.source().begin.line);
    throw InputError(fmt::format("{}:{}: unknown key '{}'", file_, line, printable_text(spelled(given))),
                     {"there are  " + fmt::format("{}", fmt::join(known, ", "))},
                     near.empty() ? "" : fmt::format("did you mean '{}'?", near.front()));
  }
}

std::string Section::spelled(std::string_view key) const {
  return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
}

const toml::node& Section::node(std::string_view key) const { return *table_.get(key); }
bool Section::has(std::string_view key) const { return table_.contains(key); }
int Section::line() const { return static_cast<int>(table_.source().begin.line); }
int Section::line_of(std::string_view key) const {
  return has(key) ? static_cast<int>(node(key).source().begin.line) : line();
}

void Section::refuse_key(std::string_view key, const std::string& message, const std::string& way_out) const {
  refuse(file_, has(key) ? node(key) : table_, fmt::format("'{}' {}", spelled(key), message), way_out);
}

std::optional<std::string> Section::text(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  if (!node(key).is_string()) refuse_key(key, fmt::format("is {}, it must be a text", type_name(node(key))));
  return node(key).value<std::string>();
}

std::string Section::required_text(std::string_view key) const {
  const std::optional<std::string> given = text(key);
  if (!given) refuse_key(key, "is missing");
  if (given->find_first_not_of(" \t\n") == std::string::npos) refuse_key(key, "is empty");
  return *given;
}

std::optional<double> Section::number(std::string_view key, double low, double high) const {
  if (!has(key)) return std::nullopt;
  if (!node(key).is_number()) refuse_key(key, fmt::format("is {}, it must be a number", type_name(node(key))));
  const double value = *node(key).value<double>();
  if (!(value >= low && value <= high))
    refuse_key(key, fmt::format("is {}, it must lie between {} and {}", value, low, high));
  return value;
}

double Section::required_number(std::string_view key, double low, double high) const {
  const std::optional<double> given = number(key, low, high);
  if (!given) refuse_key(key, "is missing");
  return *given;
}

Date Section::required_date(std::string_view key) const {
  if (!has(key)) refuse_key(key, "is missing", "a date, without quotes: 2027-01-31");
  const std::optional<toml::date> date = node(key).is_date() ? node(key).value<toml::date>() : std::nullopt;
  if (!date)
    refuse_key(key, fmt::format("is {}, it must be a date", type_name(node(key))), "without quotes: 2027-01-31");
  return Date(std::chrono::year_month_day{std::chrono::year(date->year), std::chrono::month(date->month),
                                          std::chrono::day(date->day)});
}

std::vector<Pattern> Section::texts(std::string_view key) const {
  std::vector<Pattern> out;
  if (!has(key)) return out;
  const toml::array* list = node(key).as_array();
  if (list == nullptr) refuse_key(key, fmt::format("is {}, it must be a list of texts", type_name(node(key))));
  for (const toml::node& item : *list) {
    if (!item.is_string())
      refuse(file_, item, fmt::format("'{}' holds {}, it must be a list of texts", spelled(key), type_name(item)), "");
    out.push_back({*item.value<std::string>(), static_cast<int>(item.source().begin.line)});
  }
  return out;
}

}  // namespace plumbline
