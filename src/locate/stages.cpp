// SPDX-License-Identifier: Apache-2.0
// One pass over each recorded tap; statistics stand in for values that were not recorded.
#include "locate/stages.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/statistics.h"

namespace plumbline {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct Size {
  int64_t count = 0, nonfinite = 0;
  double deviation = 0.0, largest = 0.0, rms = 0.0;
  bool of_statistics = false;
};

/// Two passes: the mean of values near each other would eat a sum of squares.
Size size_of_values(const TensorView& values) {
  Size size{.count = values.count()};
  double sum = 0.0, squares = 0.0, all_squares = 0.0;
  for (int64_t i = 0; i < size.count; ++i) {
    const double value = values.at(i);
    if (!std::isfinite(value)) {
      ++size.nonfinite;
      continue;
    }
    sum += value;
    all_squares += value * value;
    size.largest = std::max(size.largest, std::abs(value));
  }
  const auto finite = static_cast<double>(size.count - size.nonfinite);
  if (finite == 0.0) return size;
  const double mean = sum / finite;
  size.rms = std::sqrt(all_squares / finite);
  for (int64_t i = 0; i < size.count; ++i) {
    const double value = values.at(i);
    if (std::isfinite(value)) squares += (value - mean) * (value - mean);
  }
  size.deviation = std::sqrt(squares / finite);
  return size;
}

/// Count, least, largest, rms, NaNs, infinities (core/statistics.h).
Size size_of_statistics(const TensorView& statistics) {
  const auto finite = [&](int64_t i) { return std::isfinite(statistics.at(i)) ? statistics.at(i) : 0.0; };
  return {.count = static_cast<int64_t>(statistics.at(0)),
          .nonfinite = static_cast<int64_t>(statistics.at(4) + statistics.at(5)),
          .deviation = finite(3),
          .largest = std::max(std::abs(finite(1)), std::abs(finite(2))),
          .rms = finite(3),
          .of_statistics = true};
}

class Sizes {
 public:
  explicit Sizes(const Trace& trace) : trace_(trace), step_(trace.steps().empty() ? 0 : trace.steps().front().index) {}

  int64_t step() const { return step_; }

  std::optional<Size> of(const std::string& path) const {
    if (const TapEntry* entry = trace_.find(path, step_); entry != nullptr)
      return size_of_values(trace_.read(*entry).view());
    const TapEntry* entry = trace_.find(statistics_spec({path, DType::f32, {}, false}).path, step_);
    if (entry == nullptr || !holds_statistics(entry->axes, entry->shape)) return {};
    return size_of_statistics(trace_.read(*entry).view());
  }

 private:
  const Trace& trace_;
  const int64_t step_;
};

bool is_stage(const OpGraph& graph, size_t i) {
  const Op& op = graph.ops[i];
  if (op.kind == OpKind::rope_table || op.outputs.empty()) return false;
  return op.layer < 0 || i + 1 == graph.ops.size() || graph.ops[i + 1].layer != op.layer;
}

StageState state_of(const ModelStage& stage) {
  if (stage.nonfinite > 0) return StageState::inf;
  if (stage.deviation == 0.0) return StageState::fail;
  const double change = std::abs(std::log(stage.growth));  // NaN, of the first, compares as neither
  if (change >= std::log(kExplosion)) return StageState::fail;
  return change >= std::log(kNotableGrowth) ? StageState::warn : StageState::ok;
}

/// A norm sets its result's size whatever it reads; the logits are no continuation of the stream.
bool continues_stream(const Op& op) { return op.kind != OpKind::rmsnorm && op.kind != OpKind::linear; }

std::optional<Eruption> eruption(const OpGraph& graph, const Sizes& sizes) {
  for (const Op& op : graph.ops) {
    if (op.kind == OpKind::rmsnorm || op.kind == OpKind::rope_table || op.kind == OpKind::causal_mask ||
        op.outputs.empty())
      continue;  // sets its own size; hides keys behind the lowest number
    const std::optional<Size> result = sizes.of(op.outputs.front().path);
    if (!result) continue;
    double inputs = 0.0;
    bool known = !op.inputs.empty(), finite = true;
    for (const std::string& path : op.inputs) {
      const std::optional<Size> input = sizes.of(path);
      known = known && input.has_value();
      if (!input) continue;
      inputs = std::max(inputs, input->largest);
      finite = finite && input->nonfinite == 0;
    }
    if (!known || !finite) continue;
    if (result->nonfinite > 0 || (inputs > 0.0 && result->largest >= kExplosion * inputs))
      return Eruption{op.name, result->nonfinite > 0 ? std::numeric_limits<double>::infinity() : result->largest,
                      inputs};
  }
  return {};
}

}  // namespace

StageTable stage_table(const Trace& trace, const OpGraph& graph) {
  const Sizes sizes(trace);
  StageTable table;
  table.step = sizes.step();
  double before = kNone;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    if (!is_stage(graph, i)) continue;
    const Op& op = graph.ops[i];
    const std::string& path = op.outputs.front().path;
    const std::optional<Size> size = sizes.of(path);
    if (!size) {
      ++table.missing;
      continue;
    }
    table.of_statistics = table.of_statistics || size->of_statistics;
    ModelStage stage{path, op.layer, size->count, size->nonfinite, size->deviation, size->largest};
    stage.growth = continues_stream(op) ? stage.deviation / before : kNone;
    stage.state = state_of(stage);
    if (stage.state >= StageState::fail && !table.breaks) table.breaks = table.stages.size();
    before = stage.deviation;
    table.stages.push_back(std::move(stage));
  }
  if (table.breaks) table.begins = eruption(graph, sizes);
  return table;
}

std::vector<SeenLogits> seen_logits(const Trace& trace, const OpGraph& graph) {
  const Sizes sizes(trace);
  std::vector<SeenLogits> layers;
  for (const Op& op : graph.ops) {
    if (op.kind != OpKind::scale || op.layer < 0) continue;
    const std::optional<Size> size = sizes.of(op.outputs.front().path);
    if (!size) continue;
    const bool finite = size->nonfinite == 0;
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    layers.push_back({op.name, op.layer, finite ? size->largest : kInfinity, finite ? size->rms : kInfinity});
  }
  return layers;
}

}  // namespace plumbline
