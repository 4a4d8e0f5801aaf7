// SPDX-License-Identifier: Apache-2.0
#include "locate/recorded_state.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <algorithm>
#include <numeric>

#include "locate/op_walk.h"
#include "oracle/operands.h"

namespace plumbline {
namespace {

/// Sums and products of two given numbers, which the oracle rounds to f32 unless their result is exact.
bool rounds_to_f32(OpKind kind) {
  return kind == OpKind::add || kind == OpKind::multiply || kind == OpKind::scale || kind == OpKind::causal_mask;
}

Contract without_roundings(const Op& op) {
  Contract contract = find_contract(op.contract);
  if (changes_operands(contract)) contract = find_contract("linear/f32acc");
  for (Stage& stage : contract.stages) {
    const bool result = stage.name == "out";
    if (result && rounds_to_f32(op.kind)) stage.grid = Grid::exact;
    if (!result && stage.grid == Grid::model) stage.grid = Grid::f32;
  }
  return contract;
}

Array row_of(const std::vector<int64_t>& values) {
  return {{static_cast<int64_t>(values.size())}, std::vector<double>(values.begin(), values.end())};
}

}  // namespace

std::vector<Array> evaluate_unrounded(const Op& op, const OpInputs& in, DType model_dtype) {
  EvaluateOptions options;
  options.bounds = false;
  std::vector<Array> results;
  for (Evaluated& result : evaluate(op, without_roundings(op), in, model_dtype, options))
    results.push_back(std::move(result.exact));
  return results;
}

OpInputs inputs_by(const Op& op, const Step& step, size_t place,
                   const std::function<Array(const std::string&, size_t)>& value) {
  OpInputs in;
  in.first_position = step.first_position;
  for (const std::string& path : op.inputs) in.inputs.push_back(value(path, place));
  if (op.kind != OpKind::kv_append || step.first_position == 0) return in;
  if (place == 0)
    throw InputError(
        "the run does not begin at position 0",
        {fmt::format("op              {}", op.name), fmt::format("first position  {}", step.first_position)},
        "record the prefill as well");
  in.past = value(op.outputs.front().path, place - 1);
  return in;
}

std::vector<Array> required_parameters(const Op& op, const Model& model) {
  OpParameters parameters;
  const std::string why_not = load_parameters(op, model, parameters);
  if (!why_not.empty()) throw InputError("an op cannot be replayed", {"op   " + op.name, "why  " + why_not}, "");
  return std::move(parameters.values);
}

bool is_recorded(const Op& op, const Pairing& pairing) {
  return std::any_of(op.outputs.begin(), op.outputs.end(),
                     [&](const TapSpec& output) { return !output.inner && pairing.has(output.path); });
}

std::set<std::string> unrecorded_above(const OpGraph& graph, const Op& op, const Pairing& pairing) {
  std::set<std::string> names;
  std::vector<const Op*> open = {&op};
  while (!open.empty()) {
    const Op& at = *open.back();
    open.pop_back();
    for (const std::string& path : at.inputs) {
      const Op* producer = graph.producer(path);
      if (producer == nullptr || pairing.has(path) || !names.insert(producer->name).second) continue;
      open.push_back(producer);
    }
  }
  return names;
}

RecordedState::RecordedState(const Trace& trace, std::vector<Step> steps, const OpGraph& graph, const Model& model,
                             const Pairing& pairing)
    : trace_(trace), steps_(std::move(steps)), graph_(graph), model_(model), pairing_(pairing) {
  derived_.resize(steps_.size());
}

bool RecordedState::tokens_known() const {
  return std::none_of(steps_.begin(), steps_.end(), [](const Step& step) {
    return std::find(step.tokens.begin(), step.tokens.end(), kUnknownToken) != step.tokens.end();
  });
}

Array RecordedState::graph_input(const std::string& path, size_t step) const {
  const Step& at = steps_[step];
  if (path == "positions") {
    std::vector<int64_t> positions(at.tokens.size());
    std::iota(positions.begin(), positions.end(), at.first_position);
    return row_of(positions);
  }
  if (!tokens_known())
    throw InputError("the trace does not say which tokens were fed", {"file  " + trace_.file().string()},
                     "record the tap tokens, or the embedding's result");
  return row_of(at.tokens);
}

Array RecordedState::value(const std::string& path, size_t step) const {
  if (std::find(graph_.inputs.begin(), graph_.inputs.end(), path) != graph_.inputs.end())
    return graph_input(path, step);
  const TapEntry* entry = pairing_.has(path) ? trace_.find(path, steps_[step].index) : nullptr;
  return entry != nullptr ? to_array(trace_.read(*entry).view()) : derived_[step].at(path);
}

void RecordedState::derive() {
  for (const Op& op : graph_.ops) {
    const bool whole = std::all_of(op.outputs.begin(), op.outputs.end(),
                                   [&](const TapSpec& output) { return output.inner || pairing_.has(output.path); });
    if (whole) continue;
    std::vector<Array> parameters = required_parameters(op, model_);
    for (size_t step = 0; step < steps_.size(); ++step) {
      OpInputs in = inputs_by(op, steps_[step], step, [&](const auto& path, size_t at) { return value(path, at); });
      in.parameters = std::move(parameters);
      std::vector<Array> results = evaluate_unrounded(op, in, model_.config.dtype);
      parameters = std::move(in.parameters);
      for (size_t i = 0; i < results.size(); ++i) derived_[step][op.outputs[i].path] = std::move(results[i]);
    }
  }
}

}  // namespace plumbline
