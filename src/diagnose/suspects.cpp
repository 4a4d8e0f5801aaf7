// SPDX-License-Identifier: Apache-2.0
// Fits that several families share.
#include "diagnose/suspects.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <limits>

namespace plumbline {

double fit_positive(const Bench& bench, double low, double high, int points,
                    const std::function<Mistake(double)>& make) {
  const auto left_at = [&](double logarithm) {
    const Score score = bench.score(make(std::exp(logarithm)));
    return score.usable() && score.broken() == 0 ? score.left() : std::numeric_limits<double>::infinity();
  };
  const double first = std::log(low), step = (std::log(high) - first) / (points - 1);
  double best = first, least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < points; ++i) {
    const double here = left_at(first + i * step);
    if (here < least) least = here, best = first + i * step;
  }
  constexpr double kGolden = 0.6180339887498949;
  double a = best - step, b = best + step;
  for (int i = 0; i < 40; ++i) {
    const double c = b - kGolden * (b - a), d = a + kGolden * (b - a);
    left_at(c) < left_at(d) ? b = d : a = c;
  }
  return std::exp((a + b) / 2.0);
}

double fit_bits(const Bench& bench, double low, double high, const std::function<Mistake(double)>& make) {
  constexpr int kPoints = 24, kLevels = 4;
  double from = std::log(low), to = std::log(high);
  for (int level = 0; level < kLevels; ++level) {
    const double step = (to - from) / kPoints;
    int64_t fewest = std::numeric_limits<int64_t>::max();
    double first = from, last = to;
    for (int i = 0; i <= kPoints; ++i) {
      const double here = from + i * step;
      const Score score = bench.score(make(std::exp(here)));
      if (!score.usable() || score.mismatches() > fewest) continue;
      if (score.mismatches() < fewest) first = here;
      fewest = score.mismatches();
      last = here;
    }
    from = first - step;
    to = last + step;
  }
  return std::exp((from + to) / 2.0);
}

double rounded_number(double value, double tolerance) {
  for (int digits = 1; digits <= 6; ++digits) {
    const double rounded = std::strtod(fmt::format("{:.{}e}", value, digits - 1).c_str(), nullptr);
    if (std::fabs(rounded - value) <= tolerance * std::fabs(value)) return rounded;
  }
  return value;
}

std::string number_text(double value) { return fmt::format("{:.6g}", value); }

}  // namespace plumbline
