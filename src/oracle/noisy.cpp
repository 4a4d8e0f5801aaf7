// SPDX-License-Identifier: Apache-2.0
#include "oracle/noisy.h"

#include <algorithm>
#include <cmath>

#include "core/random.h"

namespace plumbline {
namespace {

/// Mixes before it adds, so that seed 1, run 2 is not seed 2, run 1.
uint64_t mixed(uint64_t state, uint64_t with) { return SplitMix64(SplitMix64(state).next() ^ with).next(); }

}  // namespace

Noise::Noise(const Draw& draw, std::string_view op, int64_t first_position)
    : state_(mixed(mixed(mixed(draw.seed, static_cast<uint64_t>(draw.run)), static_cast<uint64_t>(first_position)),
                   fnv1a(op))) {}

Uncertain Noise::operator()(const Uncertain& v, std::string_view stage, size_t element) const {
  const bool open = v.error > 0.0 && v.sigma > 0.0 && std::isfinite(v.value) && v.escapes == 0;
  if (!open) return {v.value, 0.0, 0.0};
  SplitMix64 random(mixed(state_ ^ fnv1a(stage), element));
  return {v.value + std::clamp(v.sigma * random.normal(), -v.error, v.error), 0.0, 0.0};
}

}  // namespace plumbline
