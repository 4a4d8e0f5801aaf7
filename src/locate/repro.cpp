// SPDX-License-Identifier: Apache-2.0
#include "locate/repro.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "locate/judged_op.h"
#include "locate/op_walk.h"
#include "locate/paired_traces.h"

namespace plumbline {
namespace {

/// The op of one side in one step.
struct Recorded {
  std::vector<Tensor> inputs, parameters, past;
  std::vector<std::optional<Tensor>> stored;  ///< per result; absent if not recorded on both sides
  std::vector<Evaluated> results;
  const Step* step = nullptr;
};

Tensor integers(const std::vector<int64_t>& values) {
  return Tensor::from_values(DType::i64, {static_cast<int64_t>(values.size())},
                             std::vector<double>(values.begin(), values.end()));
}

Tensor graph_input(const std::string& path, const Step& step) {
  if (path == "tokens") return integers(step.tokens);
  std::vector<int64_t> positions(step.tokens.size());
  std::iota(positions.begin(), positions.end(), step.first_position);
  return integers(positions);
}

Tensor recorded_tap(const PairedTraces& traces, SideId side, const std::string& path, int64_t step) {
  const TapEntry* entry = traces.pairing().has(path) ? traces.trace(side).find(path, step) : nullptr;
  if (entry == nullptr)
    throw InputError("an input of the op was not recorded on both sides",
                     {"tap   " + path, fmt::format("step  {}", step)}, "record it: plumbline run --taps");
  return traces.trace(side).read(*entry);
}

const Step& step_of(const PairedTraces& traces, SideId side, int64_t index) {
  const std::vector<Step>& steps = traces.steps(side);
  return *std::find_if(steps.begin(), steps.end(), [&](const Step& step) { return step.index == index; });
}

std::vector<Tensor> parameters_in(const Op& op, const Model& model) {
  OpParameters checked;
  const std::string why_not = load_parameters(op, model, checked);
  if (!why_not.empty()) throw InputError("the op cannot be replayed", {"op   " + op.name, "why  " + why_not}, "");
  std::vector<Tensor> tensors;
  for (const std::string& name : op.parameters)
    if (const auto found = model.parameters.find(name); found != model.parameters.end())
      tensors.push_back(found->second);
  return tensors;
}

OpInputs operands_of(const Recorded& recorded) {
  OpInputs in;
  in.first_position = recorded.step->first_position;
  for (const Tensor& input : recorded.inputs) in.inputs.push_back(to_array(input.view()));
  for (const Tensor& parameter : recorded.parameters) in.parameters.push_back(to_array(parameter.view()));
  for (const Tensor& past : recorded.past) in.past = to_array(past.view());
  return in;
}

/// `op` as that side holds its results; it must outlive what is returned.
Recorded recorded_op(const PairedTraces& traces, SideId side, const Op& op, int64_t index) {
  Recorded recorded;
  recorded.step = &step_of(traces, side, index);
  for (const std::string& path : op.inputs) {
    const std::vector<std::string>& given = traces.graph().inputs;
    const bool outside = std::find(given.begin(), given.end(), path) != given.end();
    recorded.inputs.push_back(outside ? graph_input(path, *recorded.step) : recorded_tap(traces, side, path, index));
  }
  if (op.kind == OpKind::kv_append && recorded.step->first_position > 0) {
    const bool first = recorded.step == traces.steps(side).data();
    recorded.past.push_back(
        recorded_tap(traces, side, op.outputs.front().path, first ? -1 : (recorded.step - 1)->index));
  }
  const Model& model = traces.model(side);
  recorded.parameters = parameters_in(op, model);
  recorded.results = evaluate_judged(op, find_contract(op.contract), operands_of(recorded), model.config.dtype, false);
  for (const Evaluated& result : recorded.results) {
    recorded.stored.emplace_back();
    if (traces.pairing().has(result.spec->path))
      recorded.stored.back() = recorded_tap(traces, side, result.spec->path, index);
  }
  return recorded;
}

double own_error(const Recorded& recorded) {
  double square = 0.0, size = 0.0;
  for (size_t k = 0; k < recorded.results.size(); ++k) {
    if (!recorded.stored[k]) continue;
    const std::vector<double>& exact = recorded.results[k].exact.values;
    const std::vector<double> stored = to_values(recorded.stored[k]->view());
    for (size_t i = 0; i < std::min(stored.size(), exact.size()); ++i) {
      if (!std::isfinite(stored[i]) || !std::isfinite(exact[i])) continue;
      square += (stored[i] - exact[i]) * (stored[i] - exact[i]);
      size += exact[i] * exact[i];
    }
  }
  return square == 0.0 ? 0.0 : square / size;
}

const Op& chosen_op(const OpGraph& graph, const std::string& name) {
  if (const Op* op = graph.find(name)) return *op;
  if (const Op* producer = graph.producer(name)) return *producer;
  std::vector<std::string> names, details = {"given  " + name};
  for (const Op& op : graph.ops) names.push_back(op.name);
  for (const std::string& near : near_misses(name, names)) details.push_back("did you mean  " + near);
  throw UsageError("the reference's graph has no such op", details, "plumbline show names the taps of a trace");
}

StepPair chosen_pair(const PairedTraces& traces, const Op& op, std::optional<int64_t> step) {
  const std::vector<StepPair>& pairs = traces.alignment().pairs;
  if (pairs.empty()) throw InputError("no position is common to both traces", {}, "record both with the same tokens");
  const StepPair* chosen = nullptr;
  double worst = -1.0;
  for (const StepPair& pair : pairs) {
    if (step && pair.candidate_step != *step) continue;
    const Op held = traces.op_of(SideId::candidate, op);
    const double error =
        step || pairs.size() == 1 ? 0.0 : own_error(recorded_op(traces, SideId::candidate, held, pair.candidate_step));
    if (error <= worst) continue;
    chosen = &pair;
    worst = error;
  }
  if (chosen == nullptr)
    throw UsageError("the candidate has no such step in common with the reference",
                     {fmt::format("given  {}", step.value_or(0))}, "plumbline ls lists the steps of a trace");
  return *chosen;
}

/// Adds the tensors of one side, those already there by another name only once.
void add_side(Recorded recorded, const std::string& name, const Model& model, bool own_parameters, ReproCase& made,
              ReproSide& side) {
  const auto add = [&](const std::string& what, const Tensor& tensor, std::vector<std::string>& names) {
    names.push_back(what);
    const bool there =
        std::any_of(made.tensors.begin(), made.tensors.end(), [&](const auto& t) { return t.first == what; });
    if (!there) made.tensors.emplace_back(what, tensor);
  };
  side.step = recorded.step->index;
  side.first_position = recorded.step->first_position;
  side.model_dtype = model.config.dtype;
  for (size_t i = 0; i < recorded.inputs.size(); ++i)
    add(fmt::format("{}.input.{}", name, i), recorded.inputs[i], side.inputs);
  for (size_t i = 0; i < recorded.parameters.size(); ++i)
    add(fmt::format("{}parameter.{}", own_parameters ? name + "." : "", i), recorded.parameters[i], side.parameters);
  for (const Tensor& past : recorded.past) add(name + ".past", past, side.past);
  for (size_t k = 0; k < recorded.results.size(); ++k) {
    if (!recorded.stored[k]) continue;
    const Evaluated& result = recorded.results[k];
    add(fmt::format("{}.output.{}", name, k), *recorded.stored[k], side.outputs);
    add(fmt::format("{}.exact.{}", name, k), Tensor::from_values(DType::f64, result.exact.shape, result.exact.values),
        side.exact);
    side.formats.emplace_back(dtype_name(result.dtype));
  }
}

}  // namespace

ReproCase repro_case(const Trace& reference, const Trace& candidate, const Model& checkpoint, const std::string& name,
                     std::optional<int64_t> candidate_step) {
  const PairedTraces traces(reference, candidate, checkpoint, 0);
  ReproCase made;
  made.op = chosen_op(traces.graph(), name);
  const StepPair pair = chosen_pair(traces, made.op, candidate_step);
  const Op held = traces.op_of(SideId::candidate, made.op);
  const Model &model = traces.model(SideId::reference), &other = traces.model(SideId::candidate);
  Recorded expected = recorded_op(traces, SideId::reference, made.op, pair.reference_step);
  Recorded actual = recorded_op(traces, SideId::candidate, held, pair.candidate_step);
  for (size_t k = 0; k < expected.results.size(); ++k) {
    if (!expected.stored[k]) continue;
    made.results.push_back(expected.results[k].spec->path);
    made.indices.push_back(k);
  }
  if (made.results.empty())
    throw InputError("no result of the op was recorded on both sides", {"op  " + made.op.name},
                     "record it: plumbline run --taps");
  made.model = model.directory.string();
  made.mask = std::min(mask_magnitude(model.config.dtype), mask_magnitude(other.config.dtype));
  const bool own = &model != &other;
  add_side(std::move(expected), "reference", model, own, made, made.reference);
  add_side(std::move(actual), "candidate", other, own, made, made.candidate);
  return made;
}

}  // namespace plumbline
