// SPDX-License-Identifier: Apache-2.0
// Which builder an architecture's name chooses. A new family adds a row here and a file of its own.
#include <array>
#include <string>

#include <plumbline/error.h>

#include "model/qwen3.h"

namespace plumbline {
namespace {

struct Family {
  std::string_view architecture;
  OpGraph (*graph)(const ModelConfig&);
  std::vector<ParameterSpec> (*parameters)(const ModelConfig&);
};

constexpr std::array<Family, 1> kFamilies = {{{"Qwen3ForCausalLM", build_qwen3, qwen3_parameters}}};

const Family& family(const ModelConfig& config) {
  std::string known;
  for (const Family& candidate : kFamilies) {
    if (candidate.architecture == config.architecture) return candidate;
    known.append(known.empty() ? "" : ", ").append(candidate.architecture);
  }
  throw CheckpointError("no builder knows this architecture",
                        {"architecture  '" + config.architecture + "'", "known         " + known},
                        "use a model of a known architecture");
}

}  // namespace

OpGraph build_graph(const ModelConfig& config) {
  OpGraph graph = family(config).graph(config);
  validate(graph);
  return graph;
}

std::vector<ParameterSpec> expected_parameters(const ModelConfig& config) { return family(config).parameters(config); }

ParameterSpec head_parameter(const ModelConfig& config) { return {"lm_head.weight", {config.vocab, config.hidden}}; }

}  // namespace plumbline
