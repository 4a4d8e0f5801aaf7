// SPDX-License-Identifier: Apache-2.0
// What an op makes of noise: the gain of random half-ulp perturbations of its inputs, the yardstick for the gain that a
// real difference met. Invariant: depends on the op's name, the seed and the reference's inputs alone.
#pragma once
#include <optional>

#include "locate/context.h"

namespace plumbline {

struct BenignGain {
  double median = 0.0, low = 0.0, high = 0.0;
};

/// Gain = relative size of f(x + noise) - f(x) over the relative size of the noise (of several inputs: root of the sum
/// of squares), in the reference's first paired step; noise is uniform within half a step of each input's own format.
/// nullopt for ops without floating inputs or whose inputs are not known.
std::optional<BenignGain> benign_gain(const Context& context, const Op& op);

}  // namespace plumbline
