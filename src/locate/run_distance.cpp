// SPDX-License-Identifier: Apache-2.0
#include "locate/run_distance.h"

#include <algorithm>
#include <cmath>

#include <plumbline/dtype.h>

#include "locate/positions.h"

namespace plumbline {
namespace {

constexpr std::string_view kLogits = "logits";

/// Row `row` of values whose last axis is as wide as `width`.
std::vector<double> row_of(const std::vector<double>& values, int64_t row, int64_t width) {
  const auto first = values.begin() + row * width;
  return {first, first + width};
}

/// Width of the logits if there is a row for every token of the step, else 0.
int64_t vocabulary(const TensorView& values, const Step& step) {
  const auto rows = static_cast<int64_t>(step.tokens.size());
  if (values.shape.empty() || rows == 0) return 0;
  return values.count() == rows * values.shape.back() ? values.shape.back() : 0;
}

bool same_token(int64_t a, int64_t b) { return a == b || a == kUnknownToken || b == kUnknownToken; }

double deviation(const std::vector<double>& values) {
  double sum = 0.0, square = 0.0;
  for (const double value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  for (const double value : values) square += (value - mean) * (value - mean);
  return std::sqrt(square / static_cast<double>(values.size()));
}

double half_unit(DType dtype, const std::vector<double>& values) {
  double square = 0.0;
  for (const double value : values) {
    if (std::isfinite(value)) square += std::pow(0.5 * ulp(dtype, value), 2);
  }
  return std::sqrt(square / static_cast<double>(values.size()));
}

}  // namespace

ResultIndex::ResultIndex(const OpGraph& graph) : ends_layer_(graph.ops.size(), false) {
  std::map<int, size_t> last;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    for (const TapSpec& spec : graph.ops[i].outputs)
      if (!spec.inner) op_of_[spec.path] = static_cast<int>(i);
    if (graph.ops[i].layer >= 0) last[graph.ops[i].layer] = i;
  }
  for (const auto& [layer, op] : last) ends_layer_[op] = true;
}

int ResultIndex::op_of(std::string_view path) const {
  const auto found = op_of_.find(path);
  return found == op_of_.end() ? -1 : found->second;
}

void KeptRun::begin_step(const Step& step) {
  step_ = &(steps_[step.index] = step);
  for (size_t i = 0; i < step.tokens.size(); ++i)
    tokens_[step.first_position + static_cast<int64_t>(i)] = step.tokens[i];
}

void KeptRun::record(const TapSpec& spec, const TensorView& values) {
  if (spec.path == kLogits) keep_logits(values);
  taps_[{spec.path, step_->index}] = {values.shape, to_values(values)};
}

void KeptRun::keep_logits(const TensorView& values) {
  const int64_t width = vocabulary(values, *step_);
  if (width == 0) return;
  const std::vector<double> all = to_values(values);
  for (int64_t row = 0; row < static_cast<int64_t>(step_->tokens.size()); ++row) {
    Logits logits{row_of(all, row, width), 0.0, {}, 0.0};
    logits.half_unit = half_unit(values.dtype, logits.values);
    logits.choice = choice_of(logits.values);
    logits.spread = deviation(logits.values);
    logits_.emplace(step_->first_position + row, std::move(logits));
  }
}

const KeptRun::Tap* KeptRun::find(std::string_view path, const Step& step) const {
  const auto own = steps_.find(step.index);
  if (own == steps_.end() || own->second.first_position != step.first_position ||
      own->second.tokens.size() != step.tokens.size())
    return nullptr;
  const auto found = taps_.find(std::pair(std::string(path), step.index));
  return found == taps_.end() ? nullptr : &found->second;
}

int64_t KeptRun::token(int64_t position) const {
  const auto found = tokens_.find(position);
  return found == tokens_.end() ? kUnknownToken : found->second;
}

std::vector<double> KeptRun::channel_signal(const std::string& path) const {
  std::vector<double> sums, squares;
  double rows = 0.0;
  for (const auto& [key, tap] : taps_) {
    if (key.first != path || tap.shape.empty()) continue;
    const auto width = static_cast<size_t>(tap.shape.back());
    sums.resize(width);
    squares.resize(width);
    for (size_t i = 0; i < tap.values.size(); ++i) {
      sums[i % width] += tap.values[i];
      squares[i % width] += tap.values[i] * tap.values[i];
    }
    rows += static_cast<double>(tap.values.size() / std::max<size_t>(width, 1));
  }
  for (size_t c = 0; c < sums.size(); ++c) squares[c] = std::max(0.0, squares[c] - sums[c] * sums[c] / rows);
  return squares;
}

DistanceSink::DistanceSink(const KeptRun& base, double mask) : base_(base), mask_(mask) {
  result_.ops.resize(base.index().ops());
}

void DistanceSink::begin_step(const Step& step) {
  step_ = step;
  common_ = 0;
  for (size_t i = 0; i < step.tokens.size() && same_tokens_; ++i) {
    same_tokens_ = same_token(base_.token(step.first_position + static_cast<int64_t>(i)), step.tokens[i]);
    common_ += same_tokens_ ? 1 : 0;
  }
}

void DistanceSink::record(const TapSpec& spec, const TensorView& values) {
  if (spec.path == kLogits) compare_logits(values);
  const KeptRun::Tap* base = same_tokens_ ? base_.find(spec.path, step_) : nullptr;
  if (base == nullptr || base->shape != values.shape || values.shape.empty()) return;
  const int op = base_.index().op_of(spec.path);
  OpDistance& sums = result_.ops[static_cast<size_t>(op)];
  const auto width = static_cast<size_t>(values.shape.back());
  if (base_.index().ends_layer(op)) sums.channels.resize(width);
  const std::vector<double> run = to_values(values);
  for (size_t i = 0; i < run.size(); ++i) {
    const double expected = base->values[i], difference = run[i] - expected;
    if (!std::isfinite(difference) || (std::fabs(expected) >= mask_ && std::fabs(run[i]) >= mask_)) continue;
    sums.difference += difference * difference;
    sums.base += expected * expected;
    if (!sums.channels.empty()) sums.channels[i % width] += difference * difference;
  }
}

void DistanceSink::compare_logits(const TensorView& values) {
  const int64_t width = vocabulary(values, step_);
  if (width == 0) return;
  const std::vector<double> all = to_values(values);
  for (int64_t row = 0; row < common_; ++row) {
    const int64_t position = step_.first_position + row;
    const auto base = base_.logits().find(position);
    if (base == base_.logits().end() || static_cast<int64_t>(base->second.values.size()) != width) continue;
    const std::vector<double> run = row_of(all, row, width);
    LogitsDistance distance{0.0, kl_divergence(base->second.values, run), choice_of(run)};
    for (size_t i = 0; i < run.size(); ++i) distance.square += std::pow(run[i] - base->second.values[i], 2);
    distance.square /= static_cast<double>(width);
    result_.logits.emplace(position, distance);
  }
}

void feed(const Trace& trace, const std::vector<Step>& steps, TapSink& sink) {
  for (const Step& step : steps) {
    sink.begin_step(step);
    for (const TapEntry& entry : trace.taps()) {
      if (entry.step != step.index || !is_floating(entry.dtype) || !sink.wants(entry.path)) continue;
      sink.record({entry.path, entry.dtype, entry.axes, false}, trace.read(entry).view());
    }
  }
}

}  // namespace plumbline
