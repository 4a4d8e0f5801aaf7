// SPDX-License-Identifier: Apache-2.0
// Maps as text: what they may hold, checked with complaints that name the key; and the presets.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <plumbline/error.h>

#include <algorithm>
#include <array>

#include "locate/name_map.h"
#include "locate/name_map_presets.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

using Json = nlohmann::json;

constexpr const char* kSchema = "plumbline-map/1";

struct StepKind {
  std::string_view name;
  LayoutStep::Kind kind;
  size_t least, most;  // numbers that it takes
};
constexpr std::array kStepKinds = {
    StepKind{"slice", LayoutStep::Kind::slice, 3, 3}, StepKind{"reshape", LayoutStep::Kind::reshape, 1, 8},
    StepKind{"transpose", LayoutStep::Kind::transpose, 1, 8}, StepKind{"squeeze", LayoutStep::Kind::squeeze, 1, 1}};

struct Architecture {
  std::string_view name, preset;
};
constexpr std::array kArchitectures = {
    Architecture{"LlamaForCausalLM", "hf-llama"},       Architecture{"Qwen3ForCausalLM", "hf-qwen3"},
    Architecture{"Qwen2ForCausalLM", "hf-llama"},       Architecture{"MistralForCausalLM", "hf-llama"},
    Architecture{"Ernie4_5ForCausalLM", "hf-ernie4_5"}, Architecture{"Ernie4_5_ForCausalLM", "hf-ernie4_5"},
    Architecture{"Olmo2ForCausalLM", "hf-olmo2"},       Architecture{"Gemma2ForCausalLM", "hf-gemma2"},
    Architecture{"Gemma3ForCausalLM", "hf-gemma3"},     Architecture{"Phi3ForCausalLM", "hf-phi3"},
    Architecture{"Olmo3ForCausalLM", "hf-olmo3"}};

class Reader {
 public:
  explicit Reader(const std::string& name) { map_.name = name; }

  NameMap read(const Json& root) {
    check_keys(root, "the map", {"schema", "about", "extends", "ignore", "taps"});
    if (!root.contains("schema") || root["schema"] != kSchema) refuse(fmt::format("'schema' must be \"{}\"", kSchema));
    if (root.contains("extends")) extend(text(root["extends"], "extends"));
    if (root.contains("ignore")) ignore(root["ignore"]);
    if (!root.contains("taps") || !root["taps"].is_object()) refuse("'taps' is missing or no table");
    for (const auto& [pattern, rule] : root["taps"].items()) rules(pattern, rule);
    if (map_.rules.empty()) refuse("it has no rule in 'taps'");
    return std::move(map_);
  }

 private:
  [[noreturn]] void refuse(const std::string& reason, const std::string& way_out = "") const {
    throw InputError(fmt::format("map {}: {}", map_.name, reason), {}, way_out);
  }

  void check_keys(const Json& table, const std::string& where, const std::vector<std::string>& known) const {
    if (!table.is_object()) refuse(fmt::format("{} is {}, it must be a table", where, json_type(table)));
    for (const auto& [key, value] : table.items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      refuse(fmt::format("{}: unknown key '{}'", where, printable(key)),
             fmt::format("there are {}", fmt::join(known, ", ")));
    }
  }

  std::string text(const Json& value, const std::string& where) const {
    if (!value.is_string()) refuse(fmt::format("{} is {}, it must be a text", where, json_type(value)));
    return value.get<std::string>();
  }

  void extend(const std::string& preset) {
    const std::optional<NameMap> base = preset_name_map(preset);
    if (!base)
      refuse(fmt::format("it extends '{}', which is no preset", printable(preset)),
             fmt::format("there are {}", fmt::join(name_map_presets(), ", ")));
    map_.rules = base->rules;
    map_.ignored = base->ignored;
  }

  void ignore(const Json& globs) {
    if (!globs.is_array()) refuse("'ignore' must be a list of globs");
    for (const Json& glob : globs) map_.ignored.push_back(text(glob, "an entry of 'ignore'"));
  }

  /// A rule for a pattern that the extended preset has too takes its place; null takes the preset's away.
  void rules(const std::string& pattern, const Json& rule) {
    std::erase_if(map_.rules, [&](const MapRule& known) { return known.pattern == pattern; });
    if (rule.is_null()) return;
    if (!rule.is_array()) return add(pattern, rule);
    for (const Json& one : rule) add(pattern, one);
  }

  void add(const std::string& pattern, const Json& value) {
    const std::string where = fmt::format("the rule '{}'", printable(pattern));
    MapRule rule;
    rule.pattern = pattern;
    if (value.is_string()) {
      rule.tap = value.get<std::string>();
    } else {
      check_keys(value, where, {"tap", "do", "optional"});
      rule.tap = value.contains("tap") ? text(value["tap"], where + ": 'tap'") : "";
      if (value.contains("optional")) rule.optional = flag(value["optional"], where + ": 'optional'");
      if (value.contains("do")) rule.steps = steps(value["do"], where + ": 'do'");
    }
    if (rule.tap.empty()) refuse(where + " names no tap");
    check_placeholders(rule, where);
    map_.rules.push_back(std::move(rule));
  }

  bool flag(const Json& value, const std::string& where) const {
    if (!value.is_boolean()) refuse(fmt::format("{} is {}, it must be true or false", where, json_type(value)));
    return value.get<bool>();
  }

  std::vector<LayoutStep> steps(const Json& list, const std::string& where) const {
    if (!list.is_array()) refuse(where + " must be a list such as [[\"slice\", -1, 0, 64]]");
    std::vector<LayoutStep> all;
    for (const Json& one : list) all.push_back(step(one, where));
    return all;
  }

  LayoutStep step(const Json& list, const std::string& where) const {
    const std::string name = list.is_array() && !list.empty() && list[0].is_string() ? list[0].get<std::string>() : "";
    const auto* kind =
        std::find_if(kStepKinds.begin(), kStepKinds.end(), [&](const auto& k) { return k.name == name; });
    if (kind == kStepKinds.end())
      refuse(fmt::format("{}: '{}' is none of slice, reshape, transpose, squeeze", where, printable(name)));
    LayoutStep made{kind->kind, {}};
    for (size_t i = 1; i < list.size(); ++i) {
      if (!list[i].is_number_integer()) refuse(fmt::format("{}: {} takes integers", where, name));
      made.numbers.push_back(list[i].get<int64_t>());
    }
    if (made.numbers.size() < kind->least || made.numbers.size() > kind->most)
      refuse(fmt::format("{}: {} takes {} to {} numbers, {} are given", where, name, kind->least, kind->most,
                         made.numbers.size()));
    return made;
  }

  void check_placeholders(const MapRule& rule, const std::string& where) const {
    for (const std::string* side : {&rule.pattern, &rule.tap}) {
      for (size_t at = side->find('{'); at != std::string::npos; at = side->find('{', at + 1)) {
        const size_t close = side->find('}', at);
        if (close == std::string::npos || close == at + 1) refuse(where + ": a placeholder is written {name}");
        if (rule.pattern.find(side->substr(at, close - at + 1)) == std::string::npos)
          refuse(fmt::format("{}: {} stands in the tap only", where, side->substr(at, close - at + 1)));
      }
    }
    if (rule.tap.find_first_of("*?") != std::string::npos)
      refuse(where + ": the tap holds a wildcard", "carry the text over with a placeholder: {i}");
  }

  NameMap map_;
};

}  // namespace

NameMap parse_name_map(std::string_view json, const std::string& name) {
  try {
    return Reader(name).read(parse_strict_json(json));
  } catch (const JsonProblem& problem) {
    throw InputError(fmt::format("map {}: no JSON: {}", name, problem.what()));
  }
}

std::vector<std::string> name_map_presets() {
  std::vector<std::string> names;
  for (const auto& [name, text] : name_map_texts()) names.push_back(name);
  return names;
}

std::optional<NameMap> preset_name_map(std::string_view name) {
  const auto found = name_map_texts().find(name);
  if (found == name_map_texts().end()) return std::nullopt;
  return parse_name_map(found->second, found->first);
}

std::string preset_of_architecture(std::string_view architecture) {
  for (const Architecture& known : kArchitectures)
    if (known.name == architecture) return std::string(known.preset);
  return "";
}

}  // namespace plumbline
