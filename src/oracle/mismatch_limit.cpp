// SPDX-License-Identifier: Apache-2.0
#include "oracle/mismatch_limit.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "oracle/uncertain.h"

namespace plumbline {
namespace {

constexpr double kFalseAlarms = 1e-9;  ///< per tensor; a trace has some thousands

struct Moments {
  double mean = 0.0, variance = 0.0, size = 0.0;
};

Moments moments_of(const std::vector<double>& rates) {
  Moments m;
  for (size_t i = 1; i < rates.size(); ++i) {
    const auto size = static_cast<double>(i);
    m.mean += size * rates[i];
    m.variance += size * size * rates[i];
    if (rates[i] > 0.0) m.size = size;
  }
  return m;
}

}  // namespace

int64_t compound_limit(const std::vector<double>& rates) {
  const Moments m = moments_of(rates);
  if (!(m.mean > 0.0)) return 0;
  // Six deviations, and Bernstein's second term: the tail past a few hundred, and more than the tail anywhere.
  const double most = std::ceil(m.mean + 6.5 * std::sqrt(m.variance) + 14.0 * m.size);
  if (m.mean > 500.0) return static_cast<int64_t>(most);
  std::vector<double> at = {std::exp(-std::accumulate(rates.begin() + 1, rates.end(), 0.0))};
  double below = at[0];
  while (1.0 - below > kFalseAlarms && static_cast<double>(at.size()) <= most) {
    const size_t k = at.size();
    double weighted = 0.0;
    for (size_t size = 1; size < rates.size() && size <= k; ++size)
      weighted += static_cast<double>(size) * rates[size] * at[k - size];
    at.push_back(weighted / static_cast<double>(k));
    below += at.back();
  }
  return static_cast<int64_t>(at.size()) - 1;
}

int64_t poisson_limit(double mean) { return compound_limit({0.0, mean}); }

void MismatchLaw::add_shared(int64_t row, double expectation) {
  if (rows_.empty() || rows_.back().index != row) rows_.push_back({row, 0, 0.0});
  ++rows_.back().size;
  rows_.back().expected += expectation;
}

int64_t MismatchLaw::limit() const {
  double alone = alone_;
  int64_t shared = 0;
  std::vector<double> rates;
  for (const Row& row : rows_) {
    if (row.size == 1) {
      alone += row.expected;
      continue;
    }
    shared += row.size;
    if (rates.size() <= static_cast<size_t>(row.size)) rates.resize(static_cast<size_t>(row.size) + 1);
    rates[static_cast<size_t>(row.size)] += kMargin * row.expected / static_cast<double>(row.size);
  }
  return poisson_limit(kMargin * alone) + std::min(compound_limit(rates), shared);
}

}  // namespace plumbline
