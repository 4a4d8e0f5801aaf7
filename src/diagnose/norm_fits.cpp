// SPDX-License-Identifier: Apache-2.0
#include "diagnose/norm_fits.h"

#include <cmath>

namespace plumbline {

std::vector<NormRow> norm_rows(const Bench& bench) {
  std::vector<NormRow> rows;
  for (const BenchStep& step : bench.steps()) {
    const OpInputs& in = bench.given(step);
    const std::vector<double>&x = in.inputs[0].values, &w = in.parameters[0].values;
    const size_t width = w.size();
    if (step.stored.empty() || step.stored[0].size() != x.size()) return {};
    for (size_t at = 0; at + width <= x.size(); at += width) {
      NormRow row;
      double product = 0.0, size = 0.0;
      for (size_t c = 0; c < width; ++c) {
        const double wx = w[c] * x[at + c];
        product += wx * step.stored[0][at + c];
        size += wx * wx;
        row.squares.push_back(x[at + c] * x[at + c]);
        row.mean_square += row.squares.back() / static_cast<double>(width);
      }
      row.implied = (size / product) * (size / product);
      if (std::isfinite(row.implied) && product > 0.0) rows.push_back(std::move(row));
    }
  }
  return rows;
}

double mean_square_of(const double* x, size_t n) {
  double sum = 0.0;
  for (size_t c = 0; c < n; ++c) sum += x[c] * x[c];
  return sum / static_cast<double>(n);
}

Mistake with_mean_square(const Bench& bench, size_t m, std::string_view family, std::string text,
                         MeanSquare mean_square, bool over_row) {
  const Op& op = *bench.chain()[m];
  const double eps = number(op, "eps");
  const bool rounds = find_contract(op.contract).grid("n") == Grid::model;
  const auto edit = [eps, rounds, over_row, dtype = bench.dtype(), mean_square](std::vector<Evaluated>& results,
                                                                                const OpInputs& in, const StepFacts&) {
    const std::vector<double>&x = in.inputs[0].values, &w = in.parameters[0].values;
    const size_t row = over_row ? static_cast<size_t>(in.inputs[0].shape.back()) : w.size();
    for (size_t at = 0; at + row <= x.size(); at += row) {
      const double rstd = 1.0 / std::sqrt(mean_square(x.data() + at, row) + eps);
      for (size_t c = 0; c < row; ++c) {
        const double n = x[at + c] * rstd;
        results[0].exact.values[at + c] = (rounds ? round_to(dtype, n) : n) * w[c % w.size()];
      }
    }
  };
  return {std::string(family), std::move(text), m, {}, {}, edit, {}};
}

std::vector<double> likely_eps(double eps) {
  std::vector<double> values;
  for (int power = -8; power <= -1; ++power)
    for (const double digit : {1.0, 2.0, 5.0})
      if (const double usual = digit * std::pow(10.0, power); usual > eps / 20.0 && usual < eps * 20.0)
        values.push_back(rounded_number(usual, 1e-9));
  for (const double tolerance : {0.2, 0.05, 0.02, 0.005, 0.002}) values.push_back(rounded_number(eps, tolerance));
  return values;
}

}  // namespace plumbline
