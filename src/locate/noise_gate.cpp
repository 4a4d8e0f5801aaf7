// SPDX-License-Identifier: Apache-2.0
// Totals over steps, limits, words.
#include "locate/noise_gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "locate/conditioning.h"
#include "locate/segment_noise.h"
#include "oracle/uncertain.h"

namespace plumbline {
namespace {

/// A defect counts from one in a hundred of an op's results on; a few elements are no pattern.
constexpr double kSharpShare = 0.01;
constexpr double kFewElements = 8.0;
/// Of results in f32, which differ in nearly every bit: noise below a sixteenth of half a bf16 step.
constexpr double kSharpSize = 0x1p-12;
constexpr double kMasked = 1e30;

/// Where noise itself makes few unlike bits, no more than that is as good as none.
constexpr double kNoisyShare = 0.05, kLikeNoise = 2.0;

double most_for_sharp(double count) { return std::max(kSharpShare * count, kFewElements); }

struct Totals {
  double count = 0.0, unlike = 0.0, squares = 0.0, size = 0.0;
  size_t worst_step = 0;
  bool coarse = true;
};

Totals totals_of(const JudgedSide& side, size_t k) {
  Totals totals;
  double most = -1.0;
  for (size_t s = 0; s < side.steps.size(); ++s) {
    const JudgedStep& step = side.steps[s];
    if (!step.judgements[k]) continue;
    totals.coarse = step.results[k].dtype != DType::f32;
    totals.count += static_cast<double>(step.judgements[k]->count);
    totals.unlike += static_cast<double>(step.judgements[k]->mismatches);
    double squares = 0.0;
    const std::vector<double> stored = to_values(step.stored[k]->view());
    for (size_t i = 0; i < stored.size(); ++i) {
      const double replayed = step.results[k].rounded[i], error = stored[i] - replayed;
      if (!std::isfinite(error) || std::fabs(replayed) >= kMasked) continue;
      squares += error * error;
      totals.size += replayed * replayed;
    }
    totals.squares += squares;
    if (squares > most) totals.worst_step = s;
    most = std::max(most, squares);
  }
  return totals;
}

std::string size_text(double squares, double size) {
  return fmt::format("{:.2g}", size > 0.0 ? std::sqrt(squares / size) : 0.0);
}

std::string text_of(const Totals& totals, const NoiseLimit& limit) {
  const std::string sizes =
      fmt::format("relative difference from it {}, at most {} allowed", size_text(totals.squares, totals.size),
                  size_text(limit.squares_allowed, totals.size));
  if (!totals.coarse) return fmt::format("judged by Monte Carlo noise of {} replays: {}", limit.runs, sizes);
  return fmt::format(
      "judged by Monte Carlo noise of {} replays: {:.0f} of {:.0f} bits are unlike the replay's; noise makes {:.3g} on "
      "average, {:.0f} at most, {:.0f} are allowed; {}",
      limit.runs, totals.unlike, totals.count, limit.unlike_mean, limit.unlike_most,
      std::min(std::floor(limit.unlike_allowed), totals.count), sizes);
}

bool is_sharp(const Totals& totals, const NoiseLimit& limit) {
  if (totals.coarse)
    return totals.unlike <=
           std::max(most_for_sharp(totals.count), std::min(kLikeNoise * limit.unlike_most, kNoisyShare * totals.count));
  return limit.squares_allowed <= kSharpSize * kSharpSize * totals.size;
}

void judge_result(const NoiseLimit& limit, size_t k, JudgedSide& side) {
  const Totals totals = totals_of(side, k);
  const std::string text = text_of(totals, limit);
  if (side.by_noise.empty()) side.by_noise = text;
  const bool beyond = (totals.coarse && totals.unlike > limit.unlike_allowed) || totals.squares > limit.squares_allowed;
  if (beyond) {
    Judgement& judgement = *side.steps[totals.worst_step].judgements[k];
    if (judgement.failed == Gate::none) judgement.failed = Gate::noise;
    judgement.passed = false;
    side.by_noise = text;
  } else if (!is_sharp(totals, limit) && side.hidden.empty()) {
    side.hidden =
        text + fmt::format("; a defect that makes less of the {} ops in between stays hidden", side.through.size());
  }
}

}  // namespace

bool is_blunt(const JudgedSide& side) {
  for (const JudgedStep& step : side.steps) {
    for (size_t k = 0; k < step.judgements.size(); ++k) {
      const auto& judgement = step.judgements[k];
      if (!judgement || judgement->mismatches == 0) continue;
      const double count = static_cast<double>(judgement->count);
      if (step.results[k].dtype != DType::f32) {
        if (static_cast<double>(judgement->allowed_mismatches) > most_for_sharp(count)) return true;
        continue;
      }
      if (!(relative_bound(step.results[k]) <= kSharpSize)) return true;
    }
  }
  return false;
}

void forget_bound(Judgement& judgement) {
  judgement.bound_breaches = 0;
  judgement.worst_ratio = 0.0;
  judgement.allowed_mismatches = judgement.count;
  if (judgement.failed != Gate::masks) judgement.failed = Gate::none;
  judgement.passed = judgement.decided > 0 && judgement.failed == Gate::none;
}

void hold_against_noise(const Replay& replay, JudgedSide& side) {
  if (side.steps.empty() || side.through.empty()) return;
  for (size_t k = 0; k < side.steps.front().results.size(); ++k) {
    const NoiseLimit* limit = replay.noise(side.steps.front().results[k].spec->path);
    if (limit != nullptr && side.steps.front().judgements[k]) judge_result(*limit, k, side);
  }
}

}  // namespace plumbline
