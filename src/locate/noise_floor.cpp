// SPDX-License-Identifier: Apache-2.0
#include "locate/noise_floor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "locate/sigma_confidence.h"

namespace plumbline {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kDeviations = 6.0;  // one alarm in 1e9, if ln(distance) is normal
constexpr int kEnoughRuns = 8;       // for a sigma of each position's own

double ratio(double part, double whole) { return part == 0.0 ? 0.0 : std::sqrt(part / whole); }

OpNoise op_noise(const Op& op, size_t index, const std::vector<RunDistance>& runs, double share) {
  double difference = 0.0, base = 0.0;
  for (const RunDistance& run : runs) {
    difference += run.ops[index].difference * share;
    base += run.ops[index].base;
  }
  return {op.name, std::string(op_kind_name(op.kind)), op.layer, base == 0.0 ? kNaN : ratio(difference, base)};
}

/// Median over channels of noise / deviation over tokens; NaN where no channel tells tokens apart.
double noise_to_signal(const Op& op, size_t index, const KeptRun& base, const std::vector<RunDistance>& runs,
                       double share) {
  const std::vector<double> signal = base.channel_signal(op.outputs.front().path);
  std::vector<double> ratios;
  for (size_t c = 0; c < signal.size(); ++c) {
    double noise = 0.0;
    for (const RunDistance& run : runs)
      if (c < run.ops[index].channels.size()) noise += run.ops[index].channels[c];
    if (signal[c] > 0.0) ratios.push_back(ratio(noise * share / static_cast<double>(runs.size()), signal[c]));
  }
  if (ratios.empty()) return kNaN;
  const auto middle = ratios.begin() + static_cast<int64_t>(ratios.size() / 2);
  std::nth_element(ratios.begin(), middle, ratios.end());
  return *middle;
}

PositionNoise position_noise(int64_t position, const KeptRun::Logits& base, const std::vector<RunDistance>& runs,
                             double share) {
  PositionNoise noise;
  noise.position = position;
  noise.half_unit = base.half_unit;
  noise.spread = base.spread;
  noise.margin = base.choice.margin();
  noise.agreement = 0.0;
  double count = 0.0;
  for (const RunDistance& run : runs) {
    const auto found = run.logits.find(position);
    if (found == run.logits.end()) continue;
    count += 1.0;
    noise.sigma += found->second.square * share;
    noise.kl_mean += found->second.kl;
    noise.kl_max = std::max(noise.kl_max, found->second.kl);
    noise.agreement += found->second.choice.best == base.choice.best ? 1.0 : 0.0;
  }
  noise.sigma = std::sqrt(noise.sigma / count);
  noise.kl_mean /= count;
  noise.agreement /= count;
  return noise;
}

/// Too few runs to know every position by itself: one sigma for all of them.
void share_sigma(std::vector<PositionNoise>& positions) {
  double square = 0.0;
  for (const PositionNoise& p : positions) square += p.sigma * p.sigma;
  for (PositionNoise& p : positions) p.sigma = std::sqrt(square / static_cast<double>(positions.size()));
}

double limit_of(const NoiseFloor& floor, const std::vector<RunDistance>& runs, double share) {
  std::vector<double> logs;
  for (const RunDistance& run : runs) {
    for (const PositionNoise& p : floor.positions) {
      const auto found = run.logits.find(p.position);
      if (found == run.logits.end() || !std::isfinite(found->second.square)) continue;
      logs.push_back(std::log(p.in_sigmas(std::sqrt(found->second.square * share))));
    }
  }
  if (logs.empty()) return kNaN;
  double mean = 0.0, square = 0.0;
  for (const double log : logs) mean += log / static_cast<double>(logs.size());
  for (const double log : logs) square += (log - mean) * (log - mean) / static_cast<double>(logs.size());
  const double fitted = std::exp(mean + kDeviations * std::sqrt(square));
  return std::max(fitted, std::exp(*std::max_element(logs.begin(), logs.end()))) * floor.factor;
}

void summarise_logits(NoiseFloor& floor) {
  if (floor.positions.empty()) return;
  const auto count = static_cast<double>(floor.positions.size());
  double square = 0.0;
  floor.agreement = 0.0;
  for (const PositionNoise& p : floor.positions) {
    square += p.sigma == 0.0 ? 0.0 : std::pow(p.sigma / p.spread, 2);
    floor.agreement += p.agreement;
    floor.kl_mean += p.kl_mean;
    floor.kl_max = std::max(floor.kl_max, p.kl_max);
  }
  floor.logits = std::sqrt(square / count);
  floor.agreement /= count;
  floor.kl_mean /= count;
}

/// Slope of ln(noise) by least squares over the layers before the noise saturates.
double growth_of(const NoiseFloor& floor) {
  double n = 0.0, x = 0.0, y = 0.0, xx = 0.0, xy = 0.0;
  for (const LayerNoise& layer : floor.layers) {
    if (floor.forgets && layer.layer > *floor.forgets) break;
    if (!(layer.relative > 0.0)) continue;
    const double depth = layer.layer, log = std::log(layer.relative);
    n += 1.0;
    x += depth;
    y += log;
    xx += depth * depth;
    xy += depth * log;
  }
  return n < 2.0 ? kNaN : (n * xy - x * y) / (n * xx - x * x);
}

void add_layers(NoiseFloor& floor, const OpGraph& graph, const KeptRun& base, const std::vector<RunDistance>& runs,
                double share) {
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    if (!base.index().ends_layer(static_cast<int>(i))) continue;
    const Op& op = graph.ops[i];
    floor.layers.push_back({op.layer, floor.ops[i].relative, noise_to_signal(op, i, base, runs, share)});
    if (!floor.forgets && floor.layers.back().signal >= kForgotten) floor.forgets = op.layer;
  }
  floor.growth = growth_of(floor);
}

}  // namespace

double PositionNoise::in_sigmas(double distance) const {
  const double unit = std::hypot(sigma, half_unit);
  return unit == 0.0 && distance == 0.0 ? 1.0 : std::hypot(distance, half_unit) / unit;
}

double PositionNoise::margin_sigmas(double difference) const {
  const double unit = 2.0 * std::hypot(sigma, half_unit);
  return difference == 0.0 ? 0.0 : difference / unit;
}

NoiseFloor noise_floor(std::string source, const OpGraph& graph, const KeptRun& base,
                       const std::vector<RunDistance>& runs, double share) {
  NoiseFloor floor;
  floor.source = std::move(source);
  floor.runs = static_cast<int>(runs.size());
  floor.factor = sigma_confidence_factor(floor.runs);
  for (size_t i = 0; i < graph.ops.size(); ++i) floor.ops.push_back(op_noise(graph.ops[i], i, runs, share));
  add_layers(floor, graph, base, runs, share);
  for (const auto& [position, logits] : base.logits()) {
    const bool compared =
        std::any_of(runs.begin(), runs.end(), [&](const RunDistance& run) { return run.logits.contains(position); });
    if (compared) floor.positions.push_back(position_noise(position, logits, runs, share));
  }
  summarise_logits(floor);
  if (floor.runs < kEnoughRuns) share_sigma(floor.positions);
  floor.limit = limit_of(floor, runs, share);
  return floor;
}

}  // namespace plumbline
