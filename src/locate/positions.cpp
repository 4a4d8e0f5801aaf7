// SPDX-License-Identifier: Apache-2.0
// Alignment of two runs by token position.
#include "locate/positions.h"

#include <algorithm>
#include <map>

namespace plumbline {
namespace {

struct Slot {
  size_t step = 0;  // index into the list of steps
  int64_t row = 0;
  int64_t token = kUnknownToken;
};

std::map<int64_t, Slot> slots_of(const std::vector<Step>& steps) {
  std::map<int64_t, Slot> slots;
  for (size_t i = 0; i < steps.size(); ++i)
    for (size_t row = 0; row < steps[i].tokens.size(); ++row)
      slots.emplace(steps[i].first_position + static_cast<int64_t>(row),
                    Slot{i, static_cast<int64_t>(row), steps[i].tokens[row]});
  return slots;
}

bool same_token(int64_t a, int64_t b) { return a == b || a == kUnknownToken || b == kUnknownToken; }

int64_t end_of(const Step& step) { return step.first_position + static_cast<int64_t>(step.tokens.size()); }

int64_t prompt_end(const std::vector<Step>& steps) { return steps.empty() ? 0 : end_of(steps.front()); }

std::vector<std::string> declared_axes(const TapEntry& tap, const OpGraph& graph) {
  const Op* op = graph.producer(tap.path);
  if (!tap.axes.empty() || op == nullptr) return tap.axes;
  const auto spec =
      std::find_if(op->outputs.begin(), op->outputs.end(), [&](const TapSpec& s) { return s.path == tap.path; });
  return spec->axes;
}

/// The values of an integer tap; empty if there is none.
std::vector<int64_t> integers_of(const Trace& trace, std::string_view path, int64_t step) {
  const TapEntry* tap = trace.find(path, step);
  std::vector<int64_t> values;
  if (tap == nullptr || is_floating(tap->dtype)) return values;
  for (const double value : to_values(trace.read(*tap).view())) values.push_back(static_cast<int64_t>(value));
  return values;
}

}  // namespace

std::vector<Step> steps_of(const Trace& trace, const OpGraph& graph) {
  if (std::any_of(trace.steps().begin(), trace.steps().end(), [](const Step& step) { return !step.tokens.empty(); }))
    return trace.steps();
  std::map<int64_t, int64_t> rows;  // step -> extent of the token axis
  for (const TapEntry& tap : trace.taps()) {
    const std::vector<std::string> axes = declared_axes(tap, graph);
    for (size_t axis = 0; axis < axes.size() && axis < tap.shape.size(); ++axis)
      if (axes[axis] == "token") rows.emplace(tap.step, tap.shape[axis]);
    if (tap.path == "tokens") rows[tap.step] = element_count(tap.shape);
  }
  std::vector<Step> steps;
  int64_t next = 0;
  for (const auto& [index, count] : rows) {
    const std::vector<int64_t> positions = integers_of(trace, "positions", index);
    std::vector<int64_t> tokens = integers_of(trace, "tokens", index);
    tokens.resize(static_cast<size_t>(count), kUnknownToken);
    steps.push_back({index, positions.empty() ? next : positions.front(), std::move(tokens)});
    next = end_of(steps.back());
  }
  return steps;
}

Alignment align_steps(const std::vector<Step>& reference, const std::vector<Step>& candidate) {
  Alignment result;
  const std::map<int64_t, Slot> expected = slots_of(reference), actual = slots_of(candidate);
  std::map<std::pair<size_t, size_t>, size_t> pair_of;
  for (const auto& [position, slot] : expected) {
    const auto other = actual.find(position);
    if (other == actual.end()) continue;
    if (!same_token(slot.token, other->second.token)) {
      result.difference = position;
      result.reference_token = slot.token;
      result.candidate_token = other->second.token;
      result.in_prompt = position < std::min(prompt_end(reference), prompt_end(candidate));
      break;  // what follows depends on unlike tokens
    }
    const auto [entry, fresh] = pair_of.emplace(std::pair(slot.step, other->second.step), result.pairs.size());
    if (fresh) {
      const Step& a = reference[slot.step];
      const Step& b = candidate[other->second.step];
      result.pairs.push_back({a.index, b.index, {}, {}, {}, end_of(a), end_of(b), std::min(end_of(a), end_of(b))});
    }
    StepPair& pair = result.pairs[entry->second];
    pair.positions.push_back(position);
    pair.reference_rows.push_back(slot.row);
    pair.candidate_rows.push_back(other->second.row);
    ++result.positions;
  }
  if (result.difference)
    for (StepPair& pair : result.pairs) pair.keys = std::min(pair.keys, *result.difference);
  return result;
}

}  // namespace plumbline
