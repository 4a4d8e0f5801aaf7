// SPDX-License-Identifier: Apache-2.0
#include "diagnose/linear_fits.h"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "diagnose/order_text.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

constexpr int64_t kMostColumns = 8192;    // beyond, columns are not matched with each other
constexpr int64_t kSampledColumns = 256;  // enough for regressions with some hundred unknowns
constexpr int64_t kMostTiles = 512;

/// x over [x_from, x_from + width) times the weight over [w_from, ...), for the columns: one column of the regression.
Eigen::VectorXd partial_product(const LinearData& data, const std::vector<int64_t>& columns, int64_t x_from,
                                int64_t w_from, int64_t width) {
  Eigen::VectorXd out(data.rows * static_cast<int64_t>(columns.size()));
  int64_t at = 0;
  for (int64_t row = 0; row < data.rows; ++row)
    for (const int64_t column : columns) {
      double sum = 0.0;
      for (int64_t k = 0; k < width; ++k)
        sum += data.x[static_cast<size_t>(row * data.depth + x_from + k)] *
               (*data.weight)[static_cast<size_t>(column * data.depth + w_from + k)];
      out[at++] = sum;
    }
  return out;
}

Eigen::VectorXd residuals(const LinearData& data, const std::vector<int64_t>& columns) {
  Eigen::VectorXd out(data.rows * static_cast<int64_t>(columns.size()));
  int64_t at = 0;
  for (int64_t row = 0; row < data.rows; ++row)
    for (const int64_t column : columns) out[at++] = data.residual(row, column);
  return out;
}

/// A tile of the inner dimension that is left out, or taken from another place of the weight, the input or both.
struct Tiles {
  int64_t width = 0;
  bool replaced = false;
  int64_t x_offset = 0, w_offset = 0;  ///< in tiles
  std::vector<int64_t> wrong;

  int64_t count(int64_t depth) const { return (depth + width - 1) / width; }
  bool can_replace(int64_t tile, int64_t depth) const {
    const auto inside = [&](int64_t t) { return t >= 0 && (t + 1) * width <= depth; };
    return !replaced || (inside(tile + x_offset) && inside(tile + w_offset) && inside(tile));
  }
};

/// x W^T over `width` of the inner dimension, from other places of both.
double tile_product(const double* x, const double* w, int64_t depth, int64_t x_from, int64_t w_from, int64_t width) {
  double sum = 0.0;
  for (int64_t k = 0; k < std::min(width, depth - std::max(x_from, w_from)); ++k) sum += x[x_from + k] * w[w_from + k];
  return sum;
}

Mistake with_tiles(size_t m, std::string_view family, std::string text, const Tiles& tiles) {
  const auto edit = [tiles](std::vector<Evaluated>& results, const OpInputs& in, const StepFacts&) {
    const int64_t columns = in.parameters[0].shape[0], depth = in.parameters[0].shape[1], width = tiles.width;
    std::vector<double>& y = results[0].exact.values;
    for (size_t i = 0; i < y.size(); ++i) {
      const double* x = in.inputs[0].values.data() + static_cast<int64_t>(i) / columns * depth;
      const double* w = in.parameters[0].values.data() + static_cast<int64_t>(i) % columns * depth;
      for (const int64_t tile : tiles.wrong) {
        y[i] -= tile_product(x, w, depth, tile * width, tile * width, width);
        if (tiles.replaced)
          y[i] += tile_product(x, w, depth, (tile + tiles.x_offset) * width, (tile + tiles.w_offset) * width, width);
      }
    }
  };
  return {std::string(family), std::move(text), m, {}, {}, edit, {}};
}

/// What each tile, were it wrong, would add to the residual: the columns of the regression.
Eigen::MatrixXd effects_of(const LinearData& data, const std::vector<int64_t>& columns, const Tiles& tiles) {
  const int64_t count = tiles.count(data.depth);
  Eigen::MatrixXd effects = Eigen::MatrixXd::Zero(data.rows * static_cast<int64_t>(columns.size()), count);
  for (int64_t tile = 0; tile < count; ++tile) {
    if (!tiles.can_replace(tile, data.depth)) continue;
    effects.col(tile) = -partial_product(data, columns, tile * tiles.width, tile * tiles.width,
                                         std::min(tiles.width, data.depth - tile * tiles.width));
    if (tiles.replaced)
      effects.col(tile) += partial_product(data, columns, (tile + tiles.x_offset) * tiles.width,
                                           (tile + tiles.w_offset) * tiles.width, tiles.width);
  }
  return effects;
}

/// Fills tiles.wrong with those whose coefficient is nearer to one than to none; what they leave of the residual.
double fit_tiles(const LinearData& data, const std::vector<int64_t>& columns, const Eigen::VectorXd& residual,
                 Tiles& tiles) {
  const Eigen::MatrixXd effects = effects_of(data, columns, tiles);
  Eigen::MatrixXd normal = effects.transpose() * effects;
  normal.diagonal().array() += 1e-12 * normal.diagonal().maxCoeff() + 1e-300;
  const Eigen::VectorXd coefficients = normal.ldlt().solve(effects.transpose() * residual);
  Eigen::VectorXd left = residual;
  tiles.wrong.clear();
  for (int64_t tile = 0; tile < effects.cols(); ++tile) {
    if (!(coefficients[tile] > 0.5)) continue;
    tiles.wrong.push_back(tile);
    left -= effects.col(tile);
  }
  return left.squaredNorm();
}

std::string elements_text(const Tiles& tiles, int64_t depth) {
  std::vector<int64_t> elements;
  for (const int64_t tile : tiles.wrong)
    for (int64_t k = tile * tiles.width; k < std::min(depth, (tile + 1) * tiles.width); ++k) elements.push_back(k);
  return ranges_text(elements);
}

std::string tiles_text(const Tiles& tiles, int64_t depth) {
  const std::string where = elements_text(tiles, depth);
  if (!tiles.replaced) return fmt::format("{} of the inner dimension ({}) left out of the sum", where, depth);
  const int64_t offset = tiles.w_offset != 0 ? tiles.w_offset : tiles.x_offset;
  const std::string_view what = tiles.w_offset == 0   ? "the input"
                                : tiles.x_offset == 0 ? "the weight"
                                                      : "weight and input";
  return fmt::format("{} at {} of the inner dimension stale: taken {} elements {}", what, where,
                     std::abs(offset) * tiles.width, offset < 0 ? "before" : "behind");
}

}  // namespace

std::vector<double> column_means(const Bench& bench) {
  const LinearData data = linear_data(bench);
  if (data.rows < 2) return {};
  std::vector<double> means(static_cast<size_t>(data.columns), 0.0);
  double all = 0.0, constant = 0.0;
  for (int64_t c = 0; c < data.columns; ++c) {
    for (int64_t r = 0; r < data.rows; ++r) {
      means[static_cast<size_t>(c)] += data.residual(r, c) / static_cast<double>(data.rows);
      all += data.residual(r, c) * data.residual(r, c);
    }
    constant += means[static_cast<size_t>(c)] * means[static_cast<size_t>(c)] * static_cast<double>(data.rows);
  }
  return constant > 0.5 * all ? means : std::vector<double>{};
}

bool explains_some_rows(const LinearData& data, const std::function<double(int64_t, int64_t)>& weight, double times) {
  double before = 0.0, after = 0.0;
  std::vector<double> weights(static_cast<size_t>(data.depth));
  for (const int64_t column : sampled_columns(data.columns, 24)) {
    for (int64_t k = 0; k < data.depth; ++k) weights[static_cast<size_t>(k)] = weight(column, k);
    for (int64_t row = 0; row < data.rows; ++row) {
      const auto x = data.x.begin() + row * data.depth;
      const double sum = std::inner_product(weights.begin(), weights.end(), x, 0.0);
      const double stored = data.stored[static_cast<size_t>(row * data.columns + column)];
      before += data.residual(row, column) * data.residual(row, column);
      after += (stored - sum) * (stored - sum);
    }
  }
  return after * times <= before;
}

bool explains_some_rows(const Bench& bench, const Tensor& weight) {
  const LinearData data = linear_data(bench);
  if (data.rows == 0) return true;
  return explains_some_rows(
      data, [&](int64_t row, int64_t k) { return weight.view().at(row * data.depth + k); }, 10.0);
}

ResultEdit narrow_accumulator(DType format, int64_t step) {
  return [format, step](std::vector<Evaluated>& results, const OpInputs& in, const StepFacts&) {
    const Array &x = in.inputs[0], &w = in.parameters[0];
    const int64_t columns = w.shape[0], depth = w.shape[1];
    std::vector<double>& y = results[0].exact.values;
    for (size_t i = 0; i < y.size(); ++i) {
      const double* row = x.values.data() + static_cast<int64_t>(i) / columns * depth;
      const double* weights = w.values.data() + static_cast<int64_t>(i) % columns * depth;
      double sum = 0.0;
      for (int64_t k = 0; k < depth; k += step) {
        double part = sum;
        for (int64_t j = k; j < std::min(depth, k + step); ++j) part += row[j] * weights[j];
        sum = round_to(format, part);
      }
      y[i] = sum + (in.parameters.size() > 1 ? in.parameters[1].values[i % static_cast<size_t>(columns)] : 0.0);
    }
  };
}

ResultEdit split_partials(DType format, int64_t parts) {
  return [format, parts](std::vector<Evaluated>& results, const OpInputs& in, const StepFacts&) {
    const Array &x = in.inputs[0], &w = in.parameters[0];
    const int64_t columns = w.shape[0], depth = w.shape[1], width = (depth + parts - 1) / parts;
    std::vector<double>& y = results[0].exact.values;
    for (size_t i = 0; i < y.size(); ++i) {
      const double* row = x.values.data() + static_cast<int64_t>(i) / columns * depth;
      const double* weights = w.values.data() + static_cast<int64_t>(i) % columns * depth;
      double sum = in.parameters.size() > 1 ? in.parameters[1].values[i % static_cast<size_t>(columns)] : 0.0;
      for (int64_t k = 0; k < depth; k += width) {
        double part = 0.0;
        for (int64_t j = k; j < std::min(depth, k + width); ++j) part += row[j] * weights[j];
        sum += round_to(format, part);
      }
      y[i] = sum;
    }
  };
}

void suspect_tiles(const Bench& bench, Suspects& out) {
  const LinearData data = linear_data(bench);
  if (data.rows == 0) return;
  const std::vector<int64_t> columns = sampled_columns(data.columns, kSampledColumns);
  const Eigen::VectorXd residual = residuals(data, columns);
  struct Offsets {
    bool replaced;
    int64_t x, w;
  };
  const Offsets kinds[] = {{false, 0, 0}, {true, 0, -1}, {true, -1, 0}, {true, -1, -1},
                           {true, 0, -2}, {true, 0, 1},  {true, 1, 0},  {true, 1, 1}};
  for (const Offsets& kind : kinds) {
    Tiles best;
    double least = 0.5 * residual.squaredNorm();
    for (const int64_t width : {8, 16, 32, 64, 128, 256}) {
      Tiles tiles{width, kind.replaced, kind.x, kind.w, {}};
      if (tiles.count(data.depth) < 2 || tiles.count(data.depth) > kMostTiles ||
          residual.size() < tiles.count(data.depth))
        continue;
      if (const double left = fit_tiles(data, columns, residual, tiles); left < 0.999 * least)
        least = left, best = tiles;
    }
    if (!best.wrong.empty())
      out.push_back(with_tiles(bench.chain().size() - 1, kind.replaced ? code::kStaleTile : code::kPartLost,
                               tiles_text(best, data.depth), best));
  }
}

void suspect_row_order(const Bench& bench, Suspects& out) {
  const LinearData data = linear_data(bench);
  if (data.rows < 3 || data.columns > kMostColumns) return;
  std::vector<int64_t> source(static_cast<size_t>(data.columns));
  bool moved = false;
  for (int64_t c = 0; c < data.columns; ++c) {
    const auto distance = [&](int64_t other) {
      double sum = 0.0;
      for (int64_t r = 0; r < data.rows; ++r) {
        const double d = data.stored[static_cast<size_t>(r * data.columns + c)] -
                         data.replayed[static_cast<size_t>(r * data.columns + other)];
        sum += d * d;
      }
      return sum;
    };
    int64_t best = c;
    double least = 0.5 * distance(c);  // another column only if it is clearly nearer
    for (int64_t other = 0; other < data.columns; ++other) {
      const double here = distance(other);
      if (here < least) least = here, best = other;
    }
    source[static_cast<size_t>(c)] = best;
    moved = moved || best != c;
  }
  if (!moved || !plausible_order(source)) return;
  const auto edit = [source](std::vector<Evaluated>& results, const OpInputs&, const StepFacts&) {
    std::vector<double>& y = results[0].exact.values;
    const std::vector<double> before = y;
    for (size_t i = 0; i < y.size(); ++i) {
      const size_t c = i % source.size();
      y[i] = before[i - c + static_cast<size_t>(source[c])];
    }
  };
  out.push_back({std::string(code::kOrder),
                 "output channels in another order: " + order_text(source),
                 bench.chain().size() - 1,
                 {},
                 {},
                 edit,
                 {}});
}

}  // namespace plumbline
