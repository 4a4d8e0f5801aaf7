// SPDX-License-Identifier: Apache-2.0
#include "locate/distribution_gate.h"

#include <algorithm>
#include <cmath>

#include "oracle/judge.h"

namespace plumbline {
namespace {

bool has_failed(const JudgedSide& side, size_t k) {
  return std::any_of(side.steps.begin(), side.steps.end(), [k](const JudgedStep& step) {
    return step.judgements[k] && step.judgements[k]->failed != Gate::none;
  });
}

size_t nearest_to_bound(const JudgedSide& side, const std::vector<size_t>& steps, size_t k) {
  return *std::max_element(steps.begin(), steps.end(), [&](size_t a, size_t b) {
    return side.steps[a].judgements[k]->worst_ratio < side.steps[b].judgements[k]->worst_ratio;
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
  const ChanceJudgement chance = judge_chance(distribution, contract);
  if (!std::isnan(chance.loudness) && !(chance.loudness <= side.loudness)) side.loudness = chance.loudness;
  if (!(std::fabs(chance.bias) <= std::fabs(side.bias))) side.bias = chance.bias;
  if (chance.failed == Gate::none) return;
  const size_t step = chance.excess ? steps[chance.excess->step] : nearest_to_bound(side, steps, k);
  Judgement& judgement = *side.steps[step].judgements[k];
  judgement.excess = chance.excess;
  judgement.failed = chance.failed;
  judgement.passed = false;
}

}  // namespace

void hold_against_chance(const Contract& contract, JudgedSide& side) {
  if (side.steps.empty() || !side.through.empty()) return;
  for (size_t k = 0; k < side.steps.front().results.size(); ++k)
    if (!has_failed(side, k)) hold_result(contract, k, side);
}

}  // namespace plumbline
