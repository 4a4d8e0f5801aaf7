// SPDX-License-Identifier: Apache-2.0
#include "model/strict_json.h"

#include <cstdio>
#include <set>
#include <vector>

namespace plumbline {
namespace {

constexpr int kDeepest = 64;

/// Watches the parser's events and stops it at the first key that its object already has.
class KeyGuard {
 public:
  bool operator()(int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > kDeepest) throw JsonProblem("JSON nested deeper than " + std::to_string(kDeepest) + " levels");
    if (event == Event::object_start) open_.emplace_back();
    if (event == Event::object_end) open_.pop_back();
    if (event == Event::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!open_.back().insert(key).second) throw JsonProblem("duplicate key '" + printable(key) + "'");
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> open_;  ///< keys of the objects being read, outermost first
};

/// nlohmann's message without its own error number: "parse error at line 1, column 3: ...".
std::string reason(const nlohmann::json::exception& error) {
  const std::string_view what = error.what();
  const size_t end = what.find("] ");
  return printable(end == std::string_view::npos ? what : what.substr(end + 2));
}

}  // namespace

nlohmann::json parse_strict_json(std::string_view text) {
  KeyGuard guard;
  try {
    return nlohmann::json::parse(text.begin(), text.end(),
                                 [&guard](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
                                   return guard(depth, event, value);
                                 });
  } catch (const nlohmann::json::parse_error& error) {
    throw JsonProblem("byte " + std::to_string(error.byte) + ": " + reason(error));
  } catch (const nlohmann::json::exception& error) {  // a number no double can hold
    throw JsonProblem(reason(error));
  }
}

std::string_view json_type(const nlohmann::json& value) {
  switch (value.type()) {
    case nlohmann::json::value_t::null: return "null";
    case nlohmann::json::value_t::object: return "an object";
    case nlohmann::json::value_t::array: return "a list";
    case nlohmann::json::value_t::string: return "a text";
    case nlohmann::json::value_t::boolean: return "true or false";
    case nlohmann::json::value_t::number_integer:
    case nlohmann::json::value_t::number_unsigned: return "an integer";
    case nlohmann::json::value_t::number_float: return "a real number";
    default: return "nothing";
  }
}

std::string printable(std::string_view name) {
  constexpr size_t kLongest = 160;
  std::string shown;
  for (const char c : name.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      shown += c;
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(byte));
      shown += escaped;
    }
  }
  return name.size() > kLongest ? shown + "..." : shown;
}

}  // namespace plumbline
