// SPDX-License-Identifier: Apache-2.0
// Norms by another formula: no root, an epsilon in another place, another mean; and weights that lie shifted.
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "diagnose/norm_fits.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

double mean_of(const double* x, size_t n, bool magnitudes) {
  double sum = 0.0;
  for (size_t c = 0; c < n; ++c) sum += magnitudes ? std::fabs(x[c]) : x[c];
  return sum / static_cast<double>(n);
}

/// 1 / (root of the mean square + eps), from what each row was divided by.
void suspect_eps_outside(const Bench& bench, size_t m, Suspects& out) {
  double sum = 0.0, weights = 0.0;
  for (const NormRow& row : norm_rows(bench)) {
    const double weight = 1.0 / row.implied;
    sum += weight * (std::sqrt(row.implied) - std::sqrt(row.mean_square));
    weights += weight;
  }
  const double start = weights > 0.0 ? sum / weights : 0.0, declared = number(*bench.chain()[m], "eps");
  if (!(start > 0.0)) return;
  const auto with = [&](double eps) {
    return with_mean_square(
        bench, m, code::kEpsilon,
        fmt::format("eps {} is added to the root of the mean square, not under it", number_text(eps)),
        [eps, declared](const double* x, size_t n) {
          const double divisor = std::sqrt(mean_square_of(x, n)) + eps;
          return divisor * divisor - declared;
        });
  };
  for (const double eps : likely_eps(fit_bits(bench, start / 30.0, start * 30.0, with))) out.push_back(with(eps));
  out.push_back(with(declared));
}

/// For each channel the weight that its stored values imply: its shift against the norm's own.
void suspect_shifted_weight(const Bench& bench, size_t m, Suspects& out) {
  const std::vector<double>& w = bench.given(bench.steps().front()).parameters[0].values;
  const size_t width = w.size();
  std::vector<double> product(width, 0.0), size(width, 0.0);
  for (const BenchStep& step : bench.steps()) {
    const std::vector<double>& x = bench.given(step).inputs[0].values;
    if (step.stored[0].size() != x.size()) return;
    for (size_t at = 0; at + width <= x.size(); at += width) {
      const double rstd = 1.0 / std::sqrt(mean_square_of(x.data() + at, width) + number(bench.op(), "eps"));
      for (size_t c = 0; c < width; ++c) {
        product[c] += step.stored[0][at + c] * x[at + c] * rstd;
        size[c] += x[at + c] * x[at + c] * rstd * rstd;
      }
    }
  }
  size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (size_t shift = 0; shift < width; ++shift) {
    double misfit = 0.0;
    for (size_t c = 0; c < width; ++c) {
      const double difference = size[c] > 0.0 ? product[c] / size[c] - w[(c + width - shift) % width] : 0.0;
      misfit += difference * difference;
    }
    if (misfit < least) least = misfit, best = shift;
  }
  if (best == 0) return;
  const auto edit = [best](OpInputs& in, const StepFacts&) {
    std::vector<double>& values = in.parameters[0].values;
    const std::vector<double> before = values;
    for (size_t c = 0; c < values.size(); ++c) values[(c + best) % values.size()] = before[c];
  };
  out.push_back({std::string(code::kOrder),
                 fmt::format("each channel has the weight that belongs {} before it", best),
                 m,
                 {},
                 edit,
                 {},
                 {}});
}

}  // namespace

void suspect_norm_forms(const Bench& bench, size_t m, Suspects& out) {
  const double eps = number(*bench.chain()[m], "eps");
  const auto statistic = [&](std::string text, MeanSquare mean_square) {
    out.push_back(with_mean_square(bench, m, code::kStatistic, std::move(text), std::move(mean_square)));
  };
  statistic("the root of the mean square is not taken", [eps](const double* x, size_t n) {
    const double divisor = mean_square_of(x, n) + eps;
    return divisor * divisor - eps;
  });
  statistic("the mean is one of magnitudes, not of squares",
            [](const double* x, size_t n) { return mean_of(x, n, true); });
  statistic("the variance is taken for the mean square: the square of the mean is subtracted",
            [](const double* x, size_t n) {
              const double mean = mean_of(x, n, false);
              return mean_square_of(x, n) - mean * mean;
            });
  if (m + 1 != bench.chain().size()) return;
  suspect_eps_outside(bench, m, out);
  suspect_shifted_weight(bench, m, out);
}

}  // namespace plumbline
