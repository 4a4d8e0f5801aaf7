// SPDX-License-Identifier: Apache-2.0
#include "locate/noise_verdict.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace plumbline {
namespace {

PositionVerdict verdict_at(const PositionNoise& noise, const KeptRun::Logits& reference,
                           const LogitsDistance& candidate, double limit) {
  PositionVerdict verdict;
  verdict.position = noise.position;
  // Both are runs: each has half of the squared distance between them.
  verdict.sigmas = noise.in_sigmas(std::sqrt(candidate.square / 2.0));
  verdict.kl = candidate.kl;
  verdict.flipped = candidate.choice.best != reference.choice.best;
  const double other = reference.values[static_cast<size_t>(candidate.choice.best)];
  const double margin = verdict.flipped ? reference.choice.best_logit - other : reference.choice.margin();
  verdict.margin_sigmas = noise.margin_sigmas(margin);
  // NaN and infinite differences are beyond.
  verdict.beyond = !(verdict.sigmas <= limit) || (verdict.flipped && !(verdict.margin_sigmas <= limit));
  return verdict;
}

NoiseOutcome outcome_of(const NoiseFloor& floor, NoiseVerdict& verdict) {
  if (verdict.positions.empty()) {
    verdict.reason = "no position has logits of both sides and of the runs, for the same tokens";
    return NoiseOutcome::undecidable;
  }
  if (!std::isfinite(floor.limit)) {
    verdict.reason = "one distance says nothing of how they spread: give more runs or repeats";
    return NoiseOutcome::undecidable;
  }
  if (floor.chaotic()) {
    verdict.reason = "the model is chaotic: right runs disagree on its logits, tokens prove nothing";
    return NoiseOutcome::undecidable;
  }
  const bool beyond = std::any_of(verdict.positions.begin(), verdict.positions.end(),
                                  [](const PositionVerdict& p) { return p.beyond; });
  return beyond ? NoiseOutcome::beyond : NoiseOutcome::within;
}

}  // namespace

NoiseFloor governing_floor(const std::vector<NoiseFloor>& floors) {
  NoiseFloor governing = floors.front();
  for (PositionNoise& own : governing.positions) {
    for (const NoiseFloor& other : floors) {
      for (const PositionNoise& p : other.positions)
        if (p.position == own.position) own.sigma = std::max(own.sigma, p.sigma);
    }
  }
  return governing;
}

NoiseVerdict noise_verdict(const NoiseFloor& floor, const KeptRun& reference, const RunDistance& distance) {
  NoiseVerdict verdict;
  verdict.limit = floor.limit;
  for (const PositionNoise& noise : floor.positions) {
    const auto own = reference.logits().find(noise.position);
    const auto other = distance.logits.find(noise.position);
    if (own == reference.logits().end() || other == distance.logits.end()) continue;
    verdict.positions.push_back(verdict_at(noise, own->second, other->second, floor.limit));
  }
  verdict.outcome = outcome_of(floor, verdict);
  return verdict;
}

double worst_sigmas(const NoiseFloor& floor, const RunDistance& distance) {
  double worst = std::numeric_limits<double>::quiet_NaN();
  for (const PositionNoise& noise : floor.positions) {
    const auto found = distance.logits.find(noise.position);
    if (found == distance.logits.end()) continue;
    const double sigmas = noise.in_sigmas(std::sqrt(found->second.square));
    if (!(sigmas <= worst)) worst = std::isnan(sigmas) ? std::numeric_limits<double>::infinity() : sigmas;
  }
  return worst;
}

}  // namespace plumbline
