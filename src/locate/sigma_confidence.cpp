// SPDX-License-Identifier: Apache-2.0
#include "locate/sigma_confidence.h"

#include <cmath>
#include <limits>

namespace plumbline {
namespace {

constexpr double kDoubt = 0.05;

/// P(chi^2 with `freedom` degrees < x): the series of the lower incomplete gamma function.
double chi_square_below(double x, double freedom) {
  const double a = freedom / 2.0, half = x / 2.0;
  double term = 1.0 / a, sum = term;
  for (int i = 1; term > sum * 1e-15; ++i) sum += term *= half / (a + i);
  return sum * std::exp(a * std::log(half) - half - std::lgamma(a));
}

}  // namespace

double sigma_confidence_factor(int runs) {
  if (runs < 2) return std::numeric_limits<double>::infinity();
  const double freedom = runs - 1;
  double low = 0.0, high = freedom;  // the median lies below the mean
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (chi_square_below(middle, freedom) < kDoubt ? low : high) = middle;
  }
  return std::sqrt(freedom / high);
}

}  // namespace plumbline
