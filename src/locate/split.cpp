// SPDX-License-Identifier: Apache-2.0
// Sums of the exact split.
#include "locate/split.h"

#include <cmath>
#include <limits>

namespace plumbline {
namespace {

double ratio_of_norms(double part, double whole) {
  if (part == 0.0) return 0.0;
  return whole == 0.0 ? std::numeric_limits<double>::infinity() : std::sqrt(part / whole);
}

}  // namespace

void Split::add(const Split& other) {
  total += other.total;
  inherited += other.inherited;
  own += other.own;
  reference_own += other.reference_own;
  residue += other.residue;
  unexplained += other.unexplained;
  reference += other.reference;
  elements += other.elements;
}

double Split::relative(double part) const {
  return elements == 0 ? std::numeric_limits<double>::quiet_NaN() : ratio_of_norms(part, reference);
}

Split split_of(const std::vector<double>& reference_stored, const std::vector<double>& reference_exact,
               const std::vector<double>& candidate_stored, const std::vector<double>& candidate_exact, double mask) {
  Split sums;
  for (size_t i = 0; i < reference_stored.size(); ++i) {
    const double y_r = reference_stored[i], f_r = reference_exact[i];
    const double y_c = candidate_stored[i], f_c = candidate_exact[i];
    if (!std::isfinite(y_r) || !std::isfinite(f_r) || !std::isfinite(y_c) || !std::isfinite(f_c)) continue;
    if (std::fabs(y_r) >= mask && std::fabs(y_c) >= mask) continue;
    const double total = y_c - y_r, inherited = f_c - f_r, own = y_c - f_c, reference_own = y_r - f_r;
    const double residue = total - (inherited + own - reference_own);
    sums.total += total * total;
    sums.inherited += inherited * inherited;
    sums.own += own * own;
    sums.reference_own += reference_own * reference_own;
    sums.residue += residue * residue;
    sums.unexplained += (total - inherited) * (total - inherited);
    sums.reference += f_r * f_r;
    ++sums.elements;
  }
  return sums;
}

double relative_difference(const std::vector<double>& expected, const std::vector<double>& actual, double mask) {
  double difference = 0.0, size = 0.0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!std::isfinite(expected[i]) || !std::isfinite(actual[i])) continue;
    if (std::fabs(expected[i]) >= mask && std::fabs(actual[i]) >= mask) continue;
    difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  return ratio_of_norms(difference, size);
}

}  // namespace plumbline
