// SPDX-License-Identifier: Apache-2.0
#include "diagnose/score.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace plumbline {
namespace {

constexpr double kAtFloor = 2.0;       // times the rounding floor
constexpr double kImprovement = 10.0;  // at least
/// Roundings and fitted numbers leave some bits open; the wrong rounding point leaves a fifth of them.
constexpr double kOpenBits = 0.02;
/// A fitted number may be off by enough to move half of the bits by one; more is another result.
constexpr double kNoisyBits = 0.5;

double ratio(double before, double after) {
  if (before == 0.0) return 1.0;
  return after == 0.0 ? std::numeric_limits<double>::infinity() : before / after;
}

}  // namespace

void ResultScore::add(double stored, double exact, double rounded, double ulp, double sigma, double mask) {
  ++count;
  const bool plain = std::fabs(stored) < mask && std::fabs(exact) < mask;  // false for NaN too
  if (!plain) {
    const bool same =
        stored == rounded || (std::isnan(stored) && std::isnan(rounded)) ||
        (std::fabs(stored) >= mask && std::fabs(rounded) >= mask && std::signbit(stored) == std::signbit(rounded));
    if (!same) ++broken, ++mismatches;
    return;
  }
  squares += (stored - exact) * (stored - exact);
  floor += ulp * ulp / 12.0 + sigma * sigma;
  expected += ulp > 0.0 ? std::min(1.0, sigma / ulp) : 0.0;
  mismatches += stored != rounded ? 1 : 0;
}

double ResultScore::left() const {
  if (squares == 0.0) return 0.0;
  return floor == 0.0 ? std::numeric_limits<double>::infinity() : squares / floor;
}

double Score::left() const {
  double worst = 0.0;
  for (const ResultScore& result : results) worst = std::max(worst, result.left());
  return worst;
}

int64_t Score::mismatches() const {
  int64_t sum = 0;
  for (const ResultScore& result : results) sum += result.mismatches;
  return sum;
}

int64_t Score::broken() const {
  int64_t sum = 0;
  for (const ResultScore& result : results) sum += result.broken;
  return sum;
}

int64_t Score::count() const {
  int64_t sum = 0;
  for (const ResultScore& result : results) sum += result.count;
  return sum;
}

bool Score::at_floor() const { return usable() && broken() == 0 && left() <= kAtFloor; }

Gain gain_of(const Score& before, const Score& after) {
  Gain gain;
  if (!after.usable()) return gain;
  gain.squares = ratio(before.left(), after.left());
  gain.mismatches = ratio(static_cast<double>(before.mismatches()), static_cast<double>(after.mismatches()));
  if (!after.at_floor()) return gain;
  double expected = 0.0;
  for (const ResultScore& result : after.results) expected += result.expected;
  const double noisy = kNoisyBits * static_cast<double>(after.count()) + 10.0 * expected;
  if (static_cast<double>(after.mismatches()) > noisy) return gain;  // near zero the mean square says nothing
  const double open = kOpenBits * static_cast<double>(after.count()) + 10.0 * expected;
  const bool bits = gain.mismatches >= kImprovement && static_cast<double>(after.mismatches()) <= open;
  gain.proven = gain.squares >= kImprovement || bits || before.broken() > 0;
  return gain;
}

}  // namespace plumbline
