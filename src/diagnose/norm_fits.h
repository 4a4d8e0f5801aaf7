// SPDX-License-Identifier: Apache-2.0
// What suppositions about norms share: the rows of the failed norm, and the norm under another statistic.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/suspects.h"

namespace plumbline {

struct NormRow {
  double mean_square = 0.0, implied = 0.0;  ///< of x; what the output says: (w x . w x / w x . y)^2
  std::vector<double> squares;
};
/// Of every row that the failed norm stored; empty if what it stored has another size than its input.
std::vector<NormRow> norm_rows(const Bench& bench);

using MeanSquare = std::function<double(const double* row, size_t width)>;
double mean_square_of(const double* x, size_t n);
/// The norm with another mean square; all that the contract rounds on the way is rounded.
Mistake with_mean_square(const Bench& bench, size_t m, std::string_view family, std::string text,
                         MeanSquare mean_square, bool over_row = false);

/// An epsilon that was fitted, less and less rounded, after those that people write.
std::vector<double> likely_eps(double eps);

/// Other formulas than the root of a mean square, and weights out of place.
void suspect_norm_forms(const Bench& bench, size_t m, Suspects& out);

}  // namespace plumbline
