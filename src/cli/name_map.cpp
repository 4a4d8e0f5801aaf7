// SPDX-License-Identifier: Apache-2.0
// The choice of the map.
#include "cli/name_map.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <plumbline/error.h>

#include "gate/map_file.h"
#include "locate/name_map.h"

namespace plumbline {
namespace {

constexpr const char* kChosen = "hf";  // the preset of whatever architecture it is

std::string architecture_of(const TracePair& traces, const std::optional<std::string>& model) {
  for (const Trace* trace : {&traces.reference, &traces.candidate})
    if (!trace->header().architecture.empty()) return trace->header().architecture;
  return model ? load_model(*model).config.architecture : "";
}

NameMap map_called(const std::string& name, const TracePair& traces, const std::optional<std::string>& model) {
  if (auto preset = preset_name_map(name)) return *preset;
  if (name != kChosen) return read_name_map(name);
  const std::string architecture = architecture_of(traces, model), preset = preset_of_architecture(architecture);
  if (!preset.empty()) return *preset_name_map(preset);
  throw InputError(architecture.empty() ? "--map hf: neither trace says what architecture it is of"
                                        : fmt::format("--map hf: there is no preset for {}", architecture),
                   {}, fmt::format("name a preset ({}) or a file", fmt::join(name_map_presets(), ", ")));
}

void note(const MappedTrace& side, const NameMap& map, std::vector<std::string>& notes) {
  if (side.renamed > 0)
    notes.push_back(fmt::format("{}: {} tensors named by map {}, {} passed over", side.trace.file().string(),
                                side.renamed, map.name, side.passed_over));
}

}  // namespace

void add_map_option(CLI::App& verb, std::optional<std::string>& map) {
  verb.add_option("--map", map,
                  fmt::format("Names of other software as tap paths: TOML or JSON file, or preset (hf, {})",
                              fmt::join(name_map_presets(), ", ")))
      ->type_name("FILE|PRESET");
}

TracePair mapped(TracePair traces, const std::string& name, const std::optional<std::string>& model) {
  const NameMap map = map_called(name, traces, model);
  const MappedTrace reference = apply_name_map(traces.reference, map),
                    candidate = apply_name_map(traces.candidate, map);
  TracePair result{reference.trace, candidate.trace};
  result.warnings = unmatched_rules(map, {&traces.reference, &traces.candidate}, {&reference, &candidate});
  for (const MappedTrace* side : {&reference, &candidate}) note(*side, map, result.notes);
  return result;
}

}  // namespace plumbline
