// SPDX-License-Identifier: Apache-2.0
// Recorded and derived inputs of ops.
#include "locate/replay.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <algorithm>
#include <cmath>

namespace plumbline {
namespace {

/// The composed bound says nothing any more: as large, in the mean square, as the values it stands beside.
bool useless(const std::vector<double>& bound, const std::vector<double>& values) {
  double uncertain = 0.0, size = 0.0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;  // masks are judged by themselves
    if (!std::isfinite(bound[i])) return true;
    uncertain += bound[i] * bound[i];
    size += values[i] * values[i];
  }
  return uncertain > size;
}

Array sequence(const Step& step, bool positions) {
  Array array{{static_cast<int64_t>(step.tokens.size())}, {}};
  for (size_t i = 0; i < step.tokens.size(); ++i)
    array.values.push_back(positions ? static_cast<double>(step.first_position) + static_cast<double>(i)
                                     : static_cast<double>(step.tokens[i]));
  return array;
}

}  // namespace

OpParameters parameters_of(const Op& op, const Model& model) {
  OpParameters result;
  for (const std::string& name : op.parameters) {
    const auto found = model.parameters.find(name);
    if (found == model.parameters.end()) {
      result.missing.push_back(name);
    } else {
      result.values.push_back(to_array(found->second.view()));
    }
  }
  return result;
}

Replay::Replay(const Trace& trace, const std::vector<Step>& steps, const OpGraph& graph, const Model& model,
               const Pairing& pairing)
    : trace_(trace), steps_(steps), graph_(graph), model_(model), pairing_(pairing) {}

const Step* Replay::step(int64_t index) const {
  const auto found = std::find_if(steps_.begin(), steps_.end(), [&](const Step& step) { return step.index == index; });
  return found == steps_.end() ? nullptr : &*found;
}

Tensor Replay::recorded(const std::string& path, int64_t step) const {
  const TapEntry* entry = trace_.find(path, step);
  if (entry == nullptr)
    throw TraceError("cannot read a tap",
                     {fmt::format("{}: {} of step {} is not there", trace_.file().string(), path, step)}, "");
  return trace_.read(*entry);
}

std::shared_ptr<const Replay::Value> Replay::value(const std::string& path, int64_t index) const {
  const Step* at = step(index);
  const auto lost = [](std::string why) {
    auto value = std::make_shared<Value>();
    value->lost = std::move(why);
    return value;
  };
  if (at == nullptr) return lost(fmt::format("there is no step {}", index));
  if (std::find(graph_.inputs.begin(), graph_.inputs.end(), path) != graph_.inputs.end()) {
    const bool positions = path == "positions";
    if (!positions && std::find(at->tokens.begin(), at->tokens.end(), kUnknownToken) != at->tokens.end())
      return lost("the trace does not say which tokens were fed");
    auto value = std::make_shared<Value>();
    value->values = sequence(*at, positions);
    return value;
  }
  if (pairing_.has(path) && trace_.find(path, index) != nullptr) {
    auto value = std::make_shared<Value>();
    value->values = to_array(recorded(path, index).view());
    return value;
  }
  const auto found = derived_.find({path, index});
  return found == derived_.end() ? lost(fmt::format("{} was not recorded on both sides", path)) : found->second;
}

std::shared_ptr<const Replay::Value> Replay::past(const Op& op, int64_t index) const {
  const auto here = std::find_if(steps_.begin(), steps_.end(), [&](const Step& step) { return step.index == index; });
  if (here == steps_.begin() || here == steps_.end()) return nullptr;
  return value(op.outputs.front().path, std::prev(here)->index);
}

const NoiseLimit* Replay::noise(const std::string& path) const {
  const auto found = noise_.find(path);
  return found == noise_.end() ? nullptr : &found->second;
}

ReplayInputs Replay::inputs(const Op& op, int64_t index) const {
  ReplayInputs result;
  const Step* at = step(index);
  result.in.first_position = at == nullptr ? 0 : at->first_position;
  bool uncertain = false;
  const auto take = [&](const std::shared_ptr<const Value>& value) {
    if (!value->lost.empty() && result.why_not.empty()) result.why_not = value->lost;
    result.through.insert(value->through.begin(), value->through.end());
    uncertain = uncertain || !value->bounds.values.empty();
    result.unbounded = result.unbounded || value->unbounded;
  };
  for (const std::string& path : op.inputs) {
    const auto found = value(path, index);
    take(found);
    result.in.inputs.push_back(found->values);
    result.in.input_bounds.push_back(found->bounds);
  }
  if (op.kind == OpKind::kv_append && result.in.first_position > 0) {
    if (const auto found = past(op, index)) {
      take(found);
      result.in.past = found->values;
      if (!found->bounds.values.empty()) result.in.past_bounds = found->bounds;
    } else if (result.why_not.empty()) {
      result.why_not = fmt::format("the cache before step {} was not recorded", index);
    }
  }
  if (!uncertain || result.unbounded) result.in.input_bounds.clear();
  if (result.unbounded) result.in.past_bounds.reset();
  return result;
}

std::set<std::string> Replay::needed_ops() const {
  std::set<std::string> wanted_paths, ops;
  for (auto op = graph_.ops.rbegin(); op != graph_.ops.rend(); ++op) {
    bool needed = false, recorded = true;
    for (const TapSpec& output : op->outputs) {
      if (output.inner) continue;
      recorded = recorded && pairing_.has(output.path);
      needed = needed || pairing_.has(output.path) || wanted_paths.contains(output.path);
    }
    if (!needed) continue;
    wanted_paths.insert(op->inputs.begin(), op->inputs.end());
    if (!recorded) ops.insert(op->name);
  }
  return ops;
}

void Replay::derive(const Op& op, int64_t index) {
  ReplayInputs given = inputs(op, index);
  OpParameters parameters = parameters_of(op, model_);
  if (given.why_not.empty() && !parameters.missing.empty())
    given.why_not = fmt::format("the checkpoint has no parameter {}", parameters.missing.front());
  given.through.insert(op.name);
  std::vector<Evaluated> results;
  if (given.why_not.empty()) {
    given.in.parameters = std::move(parameters.values);
    try {
      results = evaluate(op, find_contract(op.contract), given.in, model_.config.dtype, {!given.unbounded, false, 1});
    } catch (const Error& error) {
      const std::string message = error.what();
      given.why_not = message.substr(0, message.find('\n'));
    }
  }
  size_t next = 0;
  for (const TapSpec& output : op.outputs) {
    if (output.inner) continue;
    auto value = std::make_shared<Value>();
    value->lost = given.why_not;
    value->through = given.through;
    if (next < results.size()) {
      Evaluated& result = results[next++];
      value->unbounded = given.unbounded || useless(result.spread, result.rounded);
      value->values = {result.exact.shape, std::move(result.rounded)};
      if (!value->unbounded) value->bounds = {result.exact.shape, std::move(result.spread)};
    }
    derived_.emplace(std::pair(output.path, index), std::move(value));
  }
}

void Replay::prepare() {
  const std::set<std::string> needed = needed_ops();
  for (const Step& step : steps_)
    for (const Op& op : graph_.ops)
      if (needed.contains(op.name)) derive(op, step.index);
}

}  // namespace plumbline
