// SPDX-License-Identifier: Apache-2.0
#include "locate/distribution_gate.h"

#include <algorithm>
#include <cmath>

#include "oracle/distribution.h"

namespace plumbline {
namespace {

bool has_failed(const JudgedSide& side, size_t k) {
  return std::any_of(side.steps.begin(), side.steps.end(), [k](const JudgedStep& step) {
    return step.judgements[k] && step.judgements[k]->failed != Gate::none;
  });
}

void hold_result(const Contract& contract, size_t k, JudgedSide& side) {
  Distribution distribution;
  std::vector<size_t> steps;  // those that were added
  for (size_t s = 0; s < side.steps.size(); ++s) {
    const JudgedStep& step = side.steps[s];
    if (!step.judgements[k]) continue;
    distribution.add(step.results[k], to_values(step.stored[k]->view()));
    steps.push_back(s);
  }
  const double loudness = distribution.loudness(), bias = distribution.bias(systematic_share(contract));
  if (!std::isnan(loudness) && !(loudness <= side.loudness)) side.loudness = loudness;
  if (!(std::fabs(bias) <= std::fabs(side.bias))) side.bias = bias;
  const auto excess = distribution.excess();
  if (!excess) return;
  Judgement& judgement = *side.steps[steps[excess->step]].judgements[k];
  judgement.excess = excess;
  judgement.failed = Gate::structure;
  judgement.passed = false;
}

}  // namespace

void hold_against_chance(const Contract& contract, JudgedSide& side) {
  if (side.steps.empty() || !side.through.empty()) return;
  for (size_t k = 0; k < side.steps.front().results.size(); ++k)
    if (!has_failed(side, k)) hold_result(contract, k, side);
}

}  // namespace plumbline
