// SPDX-License-Identifier: Apache-2.0
// Matching of names, and traces under the names that they are given.
#include "locate/name_map.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <plumbline/error.h>

#include <algorithm>
#include <map>
#include <set>

#include "locate/codes.h"
#include "trace/schema.h"

namespace plumbline {
namespace {

using Captures = std::vector<std::pair<std::string_view, std::string_view>>;  // placeholder, text

bool match(std::string_view pattern, std::string_view name, Captures& captures);

bool match_placeholder(std::string_view pattern, std::string_view name, Captures& captures) {
  const size_t close = pattern.find('}');
  const std::string_view key = pattern.substr(1, close - 1), rest = pattern.substr(close + 1);
  const auto known =
      std::find_if(captures.begin(), captures.end(), [&](const auto& capture) { return capture.first == key; });
  if (known != captures.end())
    return name.starts_with(known->second) && match(rest, name.substr(known->second.size()), captures);
  const size_t most = std::min(name.find('.'), name.size());
  for (size_t length = most; length > 0; --length) {
    captures.emplace_back(key, name.substr(0, length));
    if (match(rest, name.substr(length), captures)) return true;
    captures.pop_back();
  }
  return false;
}

bool match(std::string_view pattern, std::string_view name, Captures& captures) {
  while (!pattern.empty() && pattern.front() != '*' && pattern.front() != '{') {
    if (name.empty() || name.front() != pattern.front()) return false;
    pattern.remove_prefix(1);
    name.remove_prefix(1);
  }
  if (pattern.empty()) return name.empty();
  if (pattern.front() == '{') return match_placeholder(pattern, name, captures);
  for (size_t skipped = 0; skipped <= name.size(); ++skipped)
    if (match(pattern.substr(1), name.substr(skipped), captures)) return true;
  return false;
}

std::string filled(std::string text, const Captures& captures) {
  for (const auto& [key, value] : captures) {
    const std::string placeholder = fmt::format("{{{}}}", key);
    for (size_t at = text.find(placeholder); at != std::string::npos; at = text.find(placeholder, at + value.size()))
      text.replace(at, placeholder.size(), value);
  }
  return text;
}

bool ignored(const NameMap& map, std::string_view path) {
  return std::any_of(map.ignored.begin(), map.ignored.end(),
                     [&](const std::string& glob) { return glob_matches(glob, path); });
}

/// What becomes of one name: the rules that match it, each with the tap that it gives. Names recur in every step.
struct Destination {
  size_t rule = 0;
  std::string tap;
};

class Mapper {
 public:
  Mapper(const Trace& trace, const NameMap& map) : trace_(trace), map_(map), matched_(map.rules.size(), false) {}

  MappedTrace run() {
    for (const TapEntry& entry : trace_.taps()) place(entry);
    if (std::find(matched_.begin(), matched_.end(), true) == matched_.end()) return {trace_, matched_, 0, 0};
    return {trace_.with_only(std::move(taps_)), std::move(matched_), renamed_, passed_over_};
  }

 private:
  const std::vector<Destination>& destinations(const std::string& path) {
    const auto [known, fresh] = destinations_.try_emplace(path);
    if (!fresh) return known->second;
    for (size_t i = 0; i < map_.rules.size(); ++i) {
      std::optional<std::string> tap = mapped_name(map_.rules[i], path);
      if (!tap) continue;
      matched_[i] = true;
      known->second.push_back({i, std::move(*tap)});
    }
    return known->second;
  }

  void place(const TapEntry& entry) {
    const std::vector<Destination>& all = destinations(entry.path);
    for (const Destination& one : all) add(entry, one.tap, &map_.rules[one.rule]);
    renamed_ += static_cast<int64_t>(all.size());
    if (!all.empty()) return;
    if (ignored(map_, entry.path))
      ++passed_over_;
    else
      add(entry, entry.path, nullptr);
  }

  /// `rule` is null for a name that keeps itself.
  void add(const TapEntry& entry, const std::string& tap, const MapRule* rule) {
    const auto [holder, fresh] = holders_.try_emplace({entry.step, tap}, entry.path);
    if (!fresh)
      throw InputError(
          fmt::format("map {}: two tensors of {} come under the tap '{}'", map_.name, trace_.file().string(), tap),
          {"first   " + holder->second, "second  " + entry.path, fmt::format("step    {}", entry.step)},
          "let one rule only give that tap, or put the other name into `ignore`");
    TapEntry renamed = entry;
    renamed.path = tap;
    renamed.layer = trace::layer_of(tap);
    Tensor tensor = trace_.read(entry);
    const bool relays = rule != nullptr && !rule->steps.empty();
    if (relays) tensor = laid_out(entry, tensor, *rule);
    if (relays || tap != entry.path) renamed.axes.clear();  // the graph says what they mean there
    renamed.shape = tensor.shape();
    renamed.byte_size = static_cast<int64_t>(tensor.byte_size());
    taps_.emplace_back(std::move(renamed), std::move(tensor));
  }

  Tensor laid_out(const TapEntry& entry, const Tensor& tensor, const MapRule& rule) const {
    try {
      return relaid(tensor, rule.steps);
    } catch (const Error& error) {
      throw InputError(
          fmt::format("map {}: '{}' of {} cannot be laid out so", map_.name, entry.path, trace_.file().string()),
          {fmt::format("rule    '{}' = '{}'", rule.pattern, rule.tap),
           fmt::format("shape   {}", to_string(entry.shape)), std::string("reason  ") + error.what()},
          "mend the `do` of this rule");
    }
  }

  const Trace& trace_;
  const NameMap& map_;
  std::vector<bool> matched_;
  std::map<std::string, std::vector<Destination>> destinations_;
  std::map<std::pair<int64_t, std::string>, std::string> holders_;  // step and tap -> the name it was recorded by
  std::vector<std::pair<TapEntry, Tensor>> taps_;
  int64_t renamed_ = 0, passed_over_ = 0;
};

std::vector<std::string> names_of(const std::vector<const Trace*>& traces) {
  std::set<std::string> names;
  for (const Trace* trace : traces)
    for (const TapEntry& entry : trace->taps()) names.insert(entry.path);
  return {names.begin(), names.end()};
}

/// A name that the pattern could stand for: the first layer, no wildcard.
std::string example_of(const std::string& pattern) {
  std::string example;
  bool inside = false;
  for (const char c : pattern) {
    if (c == '{') example += '0';
    inside = c == '{' || (inside && c != '}');
    if (!inside && c != '}' && c != '*') example += c;
  }
  return example;
}

std::string near_text(const std::string& pattern, const std::vector<std::string>& names) {
  const std::vector<std::string> near = near_misses(example_of(pattern), names);
  return near.empty() ? "no name is like it" : fmt::format("near: {}", fmt::join(near, ", "));
}

Finding unmatched_finding(const NameMap& map, const MapRule& rule, const std::vector<std::string>& names) {
  Finding finding;
  finding.code = code::kMapRule;
  finding.level = Level::warning;
  finding.title = fmt::format("map {}: the rule '{}' = '{}' matches no tensor", map.name, rule.pattern, rule.tap);
  finding.evidence.push_back(near_text(rule.pattern, names));
  finding.help.push_back("mend or remove the rule, or mark it `optional = true`");
  return finding;
}

}  // namespace

std::optional<std::string> mapped_name(const MapRule& rule, std::string_view name) {
  Captures captures;
  if (!match(rule.pattern, name, captures)) return std::nullopt;
  return filled(rule.tap, captures);
}

MappedTrace apply_name_map(const Trace& trace, const NameMap& map) { return Mapper(trace, map).run(); }

std::vector<Finding> unmatched_rules(const NameMap& map, const std::vector<const Trace*>& traces,
                                     const std::vector<const MappedTrace*>& mapped) {
  std::vector<Finding> findings;
  const std::vector<std::string> names = names_of(traces);
  bool any = false;
  for (size_t i = 0; i < map.rules.size(); ++i) {
    const bool used =
        std::any_of(mapped.begin(), mapped.end(), [&](const MappedTrace* one) { return one->matched[i]; });
    any = any || used;
    if (!used && !map.rules[i].optional) findings.push_back(unmatched_finding(map, map.rules[i], names));
  }
  if (any) return findings;
  const std::string pattern = map.rules.empty() ? "" : map.rules.front().pattern;
  throw InputError(
      fmt::format("map {}: none of its {} rules matches a tensor of either file", map.name, map.rules.size()),
      {fmt::format("first rule  {}", pattern), near_text(pattern, names)},
      "`plumbline ls FILE` lists the names; presets are " + fmt::format("{}", fmt::join(name_map_presets(), ", ")));
}

}  // namespace plumbline
