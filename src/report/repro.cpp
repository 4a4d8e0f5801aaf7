// SPDX-License-Identifier: Apache-2.0
#include "report/repro.h"

#include <fmt/format.h>
#include <plumbline/contract.h>
#include <plumbline/error.h>

#include <nlohmann/json.hpp>
#include <set>

#include "model/safetensors_writer.h"
#include "report/escape.h"
#include "report/replay_script.h"

namespace plumbline {
namespace {

using Json = nlohmann::ordered_json;

std::string_view grid_name(Grid grid) {
  switch (grid) {
    case Grid::exact: return "exact";
    case Grid::f32: return "f32";
    case Grid::model: return "model";
  }
  return "model";
}

Json side_json(const ReproSide& side) {
  return {{"step", side.step},
          {"first_position", side.first_position},
          {"model_dtype", dtype_name(side.model_dtype)},
          {"inputs", side.inputs},
          {"parameters", side.parameters},
          {"past", side.past},
          {"outputs", side.outputs},
          {"exact", side.exact},
          {"formats", side.formats}};
}

std::string op_json(const ReproCase& made) {
  Json attributes = Json::object(), stages = Json::object();
  for (const auto& [key, value] : made.op.attributes)
    std::visit([&](const auto& held) { attributes[key] = held; }, value);
  for (const Stage& stage : find_contract(made.op.contract).stages)
    stages[std::string(stage.name)] = grid_name(stage.grid);
  const Json out = {{"schema", {{"name", "plumbline-repro"}, {"version", "1.0"}}},
                    {"op", made.op.name},
                    {"kind", op_kind_name(made.op.kind)},
                    {"contract", made.op.contract},
                    {"stages", stages},
                    {"attributes", attributes},
                    {"inputs", made.op.inputs},
                    {"parameters", made.op.parameters},
                    {"results", made.results},
                    {"indices", made.indices},
                    {"mask", made.mask},
                    {"reference", side_json(made.reference)},
                    {"candidate", side_json(made.candidate)}};
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string readme_of(const ReproCase& made) {
  const Contract& contract = find_contract(made.op.contract);
  std::string inputs, parameters;
  for (const std::string& path : made.op.inputs) inputs += (inputs.empty() ? "" : ", ") + path;
  for (const std::string& name : made.op.parameters) parameters += (parameters.empty() ? "" : ", ") + name;
  return fmt::format(
      "# {} ({})\n\n"
      "One op as two runs recorded it: step {} of the reference, step {} of the candidate.\n\n"
      "    python3 replay.py     # numpy is all it needs\n\n"
      "evaluates the op on each side's own inputs in f64, rounding only where the contract says so, and prints how "
      "far\n"
      "what each side stored is from that.\n\n"
      "- contract {}: {}\n"
      "- inputs: {}\n"
      "- parameters: {}\n"
      "- `op.json`: kind, attributes, stages of the contract, names of tensors\n"
      "- `tensors.safetensors`: inputs, parameters and stored results bit for bit as they were recorded; `exact`: "
      "what\n"
      "  plumbline's own replay gives before the output rounding, f64\n",
      escaped(made.op.name), op_kind_name(made.op.kind), made.reference.step, made.candidate.step, contract.name,
      contract.summary, escaped(inputs), parameters.empty() ? "none" : escaped(parameters));
}

[[noreturn]] void not_covered(OpKind kind) {
  std::vector<std::string> details = {fmt::format("kind     {}", op_kind_name(kind))};
  std::set<OpKind> kinds;  // each has a contract
  for (const Contract& contract : all_contracts()) kinds.insert(contract.kinds.begin(), contract.kinds.end());
  for (const OpKind other : kinds)
    if (repro_covers(other)) details.push_back(fmt::format("covered  {}", op_kind_name(other)));
  throw InputError("replay.py does not cover this kind of op", details, "");
}

}  // namespace

bool repro_covers(OpKind kind) {
  return replay_script().find(fmt::format("\ndef replay_{}(", op_kind_name(kind))) != std::string_view::npos;
}

std::map<std::string, std::string> repro_files(const ReproCase& made) {
  if (!repro_covers(made.op.kind)) not_covered(made.op.kind);
  return {{"op.json", op_json(made)},
          {"tensors.safetensors", safetensors_bytes(made.tensors)},
          {"replay.py", std::string(replay_script())},
          {"README.md", readme_of(made)}};
}

}  // namespace plumbline
