// SPDX-License-Identifier: Apache-2.0
// Benign gain by random draws.
#include "locate/gain.h"

#include <plumbline/error.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "locate/judged_op.h"
#include "locate/split.h"

namespace plumbline {
namespace {

/// splitmix64: small, portable, good enough for noise.
class Noise {
 public:
  explicit Noise(uint64_t state) : state_(state) {}
  /// Uniform in [-0.5, 0.5).
  double next() {
    state_ += 0x9E3779B97F4A7C15U;
    uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    z ^= z >> 31U;
    return static_cast<double>(z >> 11U) * 0x1p-53 - 0.5;
  }

 private:
  uint64_t state_;
};

uint64_t seed_of(const std::string& name, uint64_t seed, int draw) {
  uint64_t hash = 0xCBF29CE484222325U ^ seed;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash + static_cast<uint64_t>(draw) * 0x632BE59BD9B4E019U;
}

/// The format an input is held in; integers give nullopt (token ids and positions take no noise).
std::optional<DType> format_of(const Context& context, const std::string& path, int64_t step) {
  const OpGraph& graph = context.graph;
  if (std::find(graph.inputs.begin(), graph.inputs.end(), path) != graph.inputs.end()) return std::nullopt;
  const TapEntry* entry = context.reference_trace.find(path, step);
  const DType dtype = entry == nullptr ? context.model.config.dtype : entry->dtype;
  return is_floating(dtype) ? std::optional(dtype) : std::nullopt;
}

void add_noise(Array& values, DType dtype, double mask, Noise& noise) {
  for (double& value : values.values) {
    const double draw = noise.next();
    if (std::fabs(value) < mask) value += draw * ulp(dtype, value);  // masked scores stay masked
  }
}

double relative_change(const std::vector<Evaluated>& before, const std::vector<Evaluated>& after, double mask) {
  double sum = 0.0;
  for (size_t k = 0; k < before.size(); ++k) {
    const double relative = relative_difference(before[k].exact.values, after[k].exact.values, mask);
    sum += relative * relative;
  }
  return std::sqrt(sum / static_cast<double>(before.size()));
}

}  // namespace

std::optional<BenignGain> benign_gain(const Context& context, const Op& op) {
  const std::vector<int64_t> steps = paired_steps(context.alignment, SideId::reference);
  if (steps.empty() || context.options.draws <= 0) return std::nullopt;
  ReplayInputs given = context.reference.inputs(op, steps.front());
  OpParameters parameters = parameters_of(op, context.model);
  std::vector<std::optional<DType>> formats;
  for (const std::string& path : op.inputs) formats.push_back(format_of(context, path, steps.front()));
  const bool any = std::any_of(formats.begin(), formats.end(), [](const auto& format) { return format.has_value(); });
  if (!given.why_not.empty() || !parameters.missing.empty() || !any) return std::nullopt;
  given.in.parameters = std::move(parameters.values);
  given.in.input_bounds.clear();
  given.in.past_bounds.reset();
  const EvaluateOptions plain{false, false, 1};
  const Contract& contract = find_contract(op.contract);
  const std::vector<Evaluated> before = evaluate(op, contract, given.in, context.model.config.dtype, plain);
  const std::vector<Array> inputs = given.in.inputs;
  const double mask = mask_magnitude(context.model.config.dtype);
  std::vector<double> gains;
  for (int draw = 0; draw < context.options.draws; ++draw) {
    Noise noise(seed_of(op.name, context.options.seed, draw));
    double size = 0.0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      given.in.inputs[i] = inputs[i];
      if (!formats[i]) continue;
      add_noise(given.in.inputs[i], *formats[i], mask, noise);
      const double relative = relative_difference(inputs[i].values, given.in.inputs[i].values, mask);
      size += relative * relative;
    }
    const double change =
        relative_change(before, evaluate(op, contract, given.in, context.model.config.dtype, plain), mask);
    if (size > 0.0) gains.push_back(change / std::sqrt(size));
  }
  if (gains.empty()) return std::nullopt;
  std::sort(gains.begin(), gains.end());
  return BenignGain{gains[gains.size() / 2], gains.front(), gains.back()};
}

}  // namespace plumbline
