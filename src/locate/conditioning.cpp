// SPDX-License-Identifier: Apache-2.0
// Sizes of bounds, errors and values.
#include "locate/conditioning.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "oracle/uncertain.h"

namespace plumbline {
namespace {

/// An error of a tenth of the values is no rounding of theirs any more, whatever the bound allows.
constexpr double kLargeError = 0.1;

double ratio_of(double part, double whole) {
  if (part == 0.0) return 0.0;
  return whole == 0.0 ? std::numeric_limits<double>::infinity() : std::sqrt(part / whole);
}

/// Sums of squares.
struct Sizes {
  double bounds = 0.0, values = 0.0, errors = 0.0;

  void add_bounds(const Evaluated& result) {
    const double mask = mask_magnitude(result.dtype);
    for (size_t i = 0; i < result.bound.size(); ++i) {
      const double value = result.exact.values[i];
      if (!(std::fabs(value) < mask)) continue;
      bounds += result.bound[i] * result.bound[i];
      values += value * value;
    }
  }
  void add_errors(const Evaluated& result, const std::vector<double>& stored) {
    const double mask = mask_magnitude(result.dtype);
    for (size_t i = 0; i < stored.size(); ++i) {
      const double value = result.exact.values[i], error = stored[i] - value;
      if (std::isfinite(error) && std::fabs(value) < mask) errors += error * error;
    }
  }
};

/// One result of the op, all steps.
Conditioning conditioning_of(const JudgedSide& side, size_t k) {
  Sizes sizes;
  int64_t count = 0, allowed = 0, decided = 0;
  for (const JudgedStep& step : side.steps) {
    const auto& judgement = step.judgements[k];
    if (!judgement) continue;
    count += judgement->count;
    allowed += judgement->allowed_mismatches;
    decided += judgement->decided;
    sizes.add_bounds(step.results[k]);
    sizes.add_errors(step.results[k], to_values(step.stored[k]->view()));
  }
  Conditioning result{ratio_of(sizes.errors, sizes.values), ratio_of(sizes.bounds, sizes.values), false};
  const bool blunt = decided > 0 && allowed >= count;
  result.ill = blunt && (!(result.bound <= 1.0) || result.error > kLargeError);
  return result;
}

std::string outlier_of(double reference, double candidate) {
  constexpr double kBeyond = 2.0;
  if (candidate > kBeyond * reference) return "the candidate is the outlier";
  return reference > kBeyond * candidate ? "the reference is the outlier" : "neither side is the outlier";
}

}  // namespace

double relative_bound(const Evaluated& result) {
  Sizes sizes;
  sizes.add_bounds(result);
  return ratio_of(sizes.bounds, sizes.values);
}

Conditioning conditioning_of(const JudgedSide& side) {
  Conditioning worst;
  if (side.steps.empty() || !side.through.empty()) return worst;
  for (size_t k = 0; k < side.steps.front().results.size(); ++k) {
    const Conditioning one = conditioning_of(side, k);
    const bool worse = one.ill != worst.ill ? one.ill : one.bound > worst.bound;
    if (worse) worst = one;
  }
  return worst;
}

std::vector<std::string> conditioning_evidence(const Conditioning& reference, const Conditioning& candidate) {
  return {
      fmt::format("own error of the reference: {:.2g} of its values (root mean squares), of the candidate: {:.2g}; {}",
                  reference.error, candidate.error, outlier_of(reference.error, candidate.error)),
      fmt::format("right results may be off by {:.2g} of their size on the reference's inputs, by {:.2g} on the "
                  "candidate's",
                  reference.bound, candidate.bound)};
}

}  // namespace plumbline
