// SPDX-License-Identifier: Apache-2.0
// One pass for the choice, two for a softmax.
#include "core/next_token.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace plumbline {
namespace {

/// Maximum and log of the sum of exp(x - maximum).
struct Normaliser {
  double maximum, log_sum;
  explicit Normaliser(const std::vector<double>& logits) : maximum(*std::max_element(logits.begin(), logits.end())) {
    double sum = 0.0;
    for (const double x : logits) sum += std::exp(x - maximum);
    log_sum = std::log(sum);
  }
  double log_probability(double logit) const { return (logit - maximum) - log_sum; }
};

/// Whether a logit comes before one that holds its place already; NaN before NaN alone, and then never.
bool wins(double logit, double held) { return logit > held || (std::isnan(held) && !std::isnan(logit)); }

}  // namespace

double kl_divergence(const std::vector<double>& reference, const std::vector<double>& candidate) {
  const Normaliser p(reference), q(candidate);
  double sum = 0.0;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double log_p = p.log_probability(reference[i]);
    if (log_p == -std::numeric_limits<double>::infinity()) continue;  // 0 log 0 is 0
    sum += std::exp(log_p) * (log_p - q.log_probability(candidate[i]));
  }
  return sum < 0.0 && sum > -1e-12 ? 0.0 : sum;  // a divergence is never negative; rounding of equal rows may be
}

Choice choice_of(const std::vector<double>& logits) {
  Choice choice;
  choice.best_logit = choice.second_logit = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < logits.size(); ++i) {
    const auto id = static_cast<int64_t>(i);
    if (choice.best < 0 || wins(logits[i], choice.best_logit)) {
      choice.second = choice.best;
      choice.second_logit = choice.best_logit;
      choice.best = id;
      choice.best_logit = logits[i];
    } else if (choice.second < 0 || wins(logits[i], choice.second_logit)) {
      choice.second = id;
      choice.second_logit = logits[i];
    }
  }
  return choice;
}

}  // namespace plumbline
