// SPDX-License-Identifier: Apache-2.0
// Weights of linear maps that are wrong in one element, or whose square blocks are transposed.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "diagnose/linear_fits.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

double energy_of(const LinearData& data, int64_t column) {
  double sum = 0.0;
  for (int64_t r = 0; r < data.rows; ++r) sum += data.residual(r, column) * data.residual(r, column);
  return sum;
}

/// The output channel with most of the residual, or -1 if there is no such channel.
int64_t only_channel(const LinearData& data) {
  constexpr double kNearlyAll = 0.9;
  double all = 0.0, most = 0.0;
  int64_t strongest = -1;
  for (int64_t c = 0; c < data.columns; ++c) {
    const double energy = energy_of(data, c);
    all += energy;
    if (energy > most) most = energy, strongest = c;
  }
  return most >= kNearlyAll * all ? strongest : -1;
}

/// The element of that channel's weights that, changed, explains its residual best, and the change.
struct Element {
  int64_t k = -1;
  double change = 0.0;
};

Element fit_element(const LinearData& data, int64_t column) {
  Element best;
  double most = 0.0;
  for (int64_t k = 0; k < data.depth; ++k) {
    double explained = 0.0, size = 0.0;
    for (int64_t r = 0; r < data.rows; ++r) {
      const double x = data.x[static_cast<size_t>(r * data.depth + k)];
      explained += x * data.residual(r, column);
      size += x * x;
    }
    if (!(size > 0.0) || explained * explained / size <= most) continue;
    most = explained * explained / size;
    best = {k, explained / size};
  }
  return best;
}

void suspect_element(const LinearData& data, size_t m, Suspects& out) {
  const int64_t column = only_channel(data);
  if (column < 0) return;
  const Element element = fit_element(data, column);
  if (element.k < 0) return;
  const auto at = static_cast<size_t>(column * data.depth + element.k);
  const double own = (*data.weight)[at];
  for (const double tolerance : {0.01, 0.001, 0.0001, 0.0}) {
    const double value = rounded_number(own + element.change, tolerance);
    const auto edit = [at, value](OpInputs& in, const StepFacts&) { in.parameters[0].values.at(at) = value; };
    out.push_back({std::string(code::kOtherWeight),
                   fmt::format("element [{}, {}] of the weight holds {}, the checkpoint says {}", column, element.k,
                               number_text(value), number_text(own)),
                   m,
                   {},
                   edit,
                   {},
                   {}});
  }
}

/// Where element (row, k) of a matrix with transposed blocks comes from.
int64_t in_block(int64_t row, int64_t k, int64_t rows, int64_t depth, int64_t width) {
  const int64_t top = row / width * width, left = k / width * width;
  if (top + width > rows || left + width > depth) return row * depth + k;
  return (top + k - left) * depth + left + row - top;
}

void suspect_blocks(const LinearData& data, size_t m, Suspects& out) {
  constexpr int64_t kMost = 256;
  for (int64_t width = 2; width <= std::min({data.columns, data.depth, kMost}); ++width) {
    const auto weight = [&](int64_t row, int64_t k) {
      return (*data.weight)[static_cast<size_t>(in_block(row, k, data.columns, data.depth, width))];
    };
    if (!explains_some_rows(data, weight, 4.0)) continue;
    const auto edit = [width](OpInputs& in, const StepFacts&) {
      Array& array = in.parameters[0];
      const std::vector<double> before = array.values;
      for (size_t i = 0; i < before.size(); ++i) {
        const int64_t row = static_cast<int64_t>(i) / array.shape[1], k = static_cast<int64_t>(i) % array.shape[1];
        array.values[i] = before[static_cast<size_t>(in_block(row, k, array.shape[0], array.shape[1], width))];
      }
    };
    out.push_back({std::string(code::kTransposed),
                   fmt::format("each block of {0} by {0} of the weight is transposed within", width),
                   m,
                   {},
                   edit,
                   {},
                   {}});
  }
}

}  // namespace

void suspect_elements(const Bench& bench, Suspects& out) {
  const LinearData data = linear_data(bench);
  if (data.rows == 0) return;
  const size_t m = bench.chain().size() - 1;
  suspect_element(data, m, out);
  suspect_blocks(data, m, out);
}

}  // namespace plumbline
