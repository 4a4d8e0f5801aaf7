// SPDX-License-Identifier: Apache-2.0
// Names of other software's tensors, translated into tap paths: rules as data, and what applying them to a trace gives.
// Invariant: values are selected, re-shaped and re-ordered, never computed; a rule that matches nothing and two tensors
// for one tap are said so. Files of maps are read by src/gate, presets lie in maps/ and are part of the program.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plumbline/find.h>
#include <plumbline/trace.h>

namespace plumbline {

/// One change of layout. Axes count from 0, or from -1 backwards.
struct LayoutStep {
  enum class Kind : uint8_t { slice, reshape, transpose, squeeze } kind = Kind::reshape;
  /// slice: axis, begin, end. reshape: extents; 0 keeps the one at that place, -1 takes what is left. transpose: the
  /// old axis at each new place. squeeze: an axis of length 1.
  std::vector<int64_t> numbers;
};

struct MapRule {
  std::string pattern;  ///< `*` any characters; `{i}` any but dots, the same text wherever it stands
  std::string tap;      ///< with the placeholders of the pattern
  std::vector<LayoutStep> steps;
  bool optional = false;  ///< need not match: not every version or setting records it
};

struct NameMap {
  std::string name;  ///< preset or file, for messages
  std::vector<MapRule> rules;
  std::vector<std::string> ignored;  ///< globs of tensors that are known to be no taps
};

/// Reads {"schema": "plumbline-map/1", "extends": PRESET, "ignore": [GLOB...], "taps": {PATTERN: TAP | {"tap": TAP,
/// "do": [["slice", axis, begin, end], ["reshape", n...], ["transpose", axis...], ["squeeze", axis]], "optional": true}
/// | [several of these]}}. Throws InputError naming `name` and the key.
NameMap parse_name_map(std::string_view json, const std::string& name);

/// Names of the presets, ascending.
std::vector<std::string> name_map_presets();
std::optional<NameMap> preset_name_map(std::string_view name);
/// The preset for the modules of a Hugging Face architecture ("Qwen3ForCausalLM"); "" if there is none.
std::string preset_of_architecture(std::string_view architecture);

/// What a rule makes of a name; nullopt if it does not match.
std::optional<std::string> mapped_name(const MapRule& rule, std::string_view name);
/// The same values in another layout. Throws InputError if a step does not fit the shape; what() ends with the reason.
Tensor relaid(const Tensor& tensor, const std::vector<LayoutStep>& steps);

struct MappedTrace {
  Trace trace;                ///< the trace itself if no rule matches
  std::vector<bool> matched;  ///< by rule
  int64_t renamed = 0, passed_over = 0;
};
/// Throws InputError if two tensors of a step come under one tap, or a layout does not fit.
MappedTrace apply_name_map(const Trace& trace, const NameMap& map);

/// One warning for every rule that matched on neither side, with near names. Throws InputError if no rule matched at
/// all.
std::vector<Finding> unmatched_rules(const NameMap& map, const std::vector<const Trace*>& traces,
                                     const std::vector<const MappedTrace*>& mapped);

}  // namespace plumbline
