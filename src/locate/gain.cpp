// SPDX-License-Identifier: Apache-2.0
// Benign gain by random draws.
#include "locate/gain.h"

#include <plumbline/error.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/random.h"
#include "locate/judged_op.h"
#include "locate/split.h"

namespace plumbline {
namespace {

uint64_t seed_of(const std::string& name, uint64_t seed, int draw) {
  return fnv1a(name, 0xCBF29CE484222325u ^ seed) + static_cast<uint64_t>(draw) * 0x632BE59BD9B4E019u;
}

/// The format an input is held in; integers give nullopt (token ids and positions take no noise).
std::optional<DType> format_of(const Context& context, const std::string& path, int64_t step) {
  const OpGraph& graph = context.graph;
  if (std::find(graph.inputs.begin(), graph.inputs.end(), path) != graph.inputs.end()) return std::nullopt;
  const TapEntry* entry = context.reference_trace.find(path, step);
  const DType dtype = entry == nullptr ? context.model.config.dtype : entry->dtype;
  return is_floating(dtype) ? std::optional(dtype) : std::nullopt;
}

/// Step of the input's format at each element; 0 for a masked score, which stays masked.
std::vector<double> spacings_of(const Array& values, DType dtype, double mask) {
  std::vector<double> spacings;
  spacings.reserve(values.values.size());
  for (const double value : values.values) spacings.push_back(std::fabs(value) < mask ? ulp(dtype, value) : 0.0);
  return spacings;
}

double relative_change(const std::vector<Evaluated>& before, const std::vector<Evaluated>& after, double mask) {
  double sum = 0.0;
  for (size_t k = 0; k < before.size(); ++k) {
    const double relative = relative_difference(before[k].exact.values, after[k].exact.values, mask);
    sum += relative * relative;
  }
  return std::sqrt(sum / static_cast<double>(before.size()));
}

/// One op on one step's inputs, ready to be replayed with noise.
struct Bed {
  const Op& op;
  const Contract& contract;
  DType model_dtype;
  double mask;
  OpInputs in;
  std::vector<std::vector<double>> clean;     // inputs without noise
  std::vector<std::vector<double>> spacings;  // per input; empty: takes no noise

  std::vector<Evaluated> replay() const { return evaluate(op, contract, in, model_dtype, {false, false, 1}); }
};

/// The relative size of the noise that this draw put into the inputs.
double draw_noise(Bed& bed, SplitMix64 noise) {
  double size = 0.0;
  for (size_t i = 0; i < bed.spacings.size(); ++i) {
    const std::vector<double>& spacing = bed.spacings[i];
    std::vector<double>& values = bed.in.inputs[i].values;
    for (size_t k = 0; k < spacing.size(); ++k) values[k] = bed.clean[i][k] + (noise.uniform() - 0.5) * spacing[k];
    if (spacing.empty()) continue;
    const double relative = relative_difference(bed.clean[i], values, bed.mask);
    size += relative * relative;
  }
  return std::sqrt(size);
}

/// Nothing but a copy: every gain is one, and nobody needs draws to know it.
bool only_copies(OpKind kind) {
  return kind == OpKind::split_heads || kind == OpKind::merge_heads || kind == OpKind::kv_append;
}

}  // namespace

std::optional<BenignGain> benign_gain(const Context& context, const Op& op) {
  const std::vector<int64_t> steps = paired_steps(context.alignment, SideId::reference);
  if (steps.empty() || context.options.draws <= 0) return std::nullopt;
  if (only_copies(op.kind)) return BenignGain{1.0, 1.0, 1.0};
  ReplayInputs given = context.reference.inputs(op, steps.front());
  OpParameters parameters = parameters_of(op, context.model);
  if (!given.why_not.empty() || !parameters.missing.empty()) return std::nullopt;
  Bed bed{op,
          find_contract(op.contract),
          context.model.config.dtype,
          mask_magnitude(context.model.config.dtype),
          std::move(given.in),
          {},
          {}};
  bed.in.parameters = std::move(parameters.values);
  bed.in.input_bounds.clear();
  bed.in.past_bounds.reset();
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const auto format = format_of(context, op.inputs[i], steps.front());
    bed.clean.push_back(bed.in.inputs[i].values);
    bed.spacings.push_back(format ? spacings_of(bed.in.inputs[i], *format, bed.mask) : std::vector<double>{});
  }
  const std::vector<Evaluated> before = bed.replay();
  std::vector<double> gains;
  for (int draw = 0; draw < context.options.draws; ++draw) {
    const double size = draw_noise(bed, SplitMix64(seed_of(op.name, context.options.seed, draw)));
    if (size > 0.0) gains.push_back(relative_change(before, bed.replay(), bed.mask) / size);
  }
  if (gains.empty()) return std::nullopt;
  std::sort(gains.begin(), gains.end());
  return BenignGain{gains[gains.size() / 2], gains.front(), gains.back()};
}

}  // namespace plumbline
