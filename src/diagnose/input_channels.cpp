// SPDX-License-Identifier: Apache-2.0
// Input channels of y = x W^T whose weights are multiplied, left out, or another channel's. What a change of channel i
// adds to the residual is the outer product of x's column i and a column of weights, so the normal equations of all
// channels together are elementwise products of two Gram matrices: cheap for any number of outputs.
#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "diagnose/linear_fits.h"
#include "diagnose/order_text.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;

constexpr int64_t kMostDepth = 1024;  // the equations cost its cube
constexpr int64_t kMostOutputs = 512;

struct Channels {
  Matrix x, w;   ///< [rows, depth], [outputs, depth]
  Matrix cross;  ///< x^T residual w: what each pair (x column, w column) explains
};

Channels channels_of(const LinearData& data) {
  const std::vector<int64_t> outputs = sampled_columns(data.columns, kMostOutputs);
  Channels channels;
  channels.x = Eigen::Map<const Matrix>(data.x.data(), data.rows, data.depth);
  channels.w.resize(static_cast<int64_t>(outputs.size()), data.depth);
  Matrix residual(data.rows, channels.w.rows());
  for (int64_t n = 0; n < channels.w.rows(); ++n) {
    const int64_t output = outputs[static_cast<size_t>(n)];
    channels.w.row(n) = Eigen::Map<const Eigen::RowVectorXd>(data.weight->data() + output * data.depth, data.depth);
    for (int64_t r = 0; r < data.rows; ++r) residual(r, n) = data.residual(r, output);
  }
  channels.cross = channels.x.transpose() * residual * channels.w;
  return channels;
}

/// Coefficients of the changes x_i w_i: the least squares of all together, held back a little where they are not told
/// apart.
Vector solve(Matrix gram, const Vector& explained) {
  gram.diagonal().array() += 1e-9 * gram.diagonal().maxCoeff();
  return gram.ldlt().solve(explained);
}

struct Stretch {
  int64_t first = 0, last = -1;
  bool empty() const { return last < first; }
  int64_t width() const { return last - first + 1; }
};

/// The stretch with the largest sum of gains.
Stretch best_stretch(const Vector& gains) {
  Stretch best;
  double most = 0.0, sum = 0.0;
  for (int64_t i = 0, first = 0; i < gains.size(); ++i) {
    if (sum <= 0.0) sum = 0.0, first = i;
    sum += gains[i];
    if (sum > most) most = sum, best = {first, i};
  }
  return best;
}

Mistake with_columns(size_t m, std::string_view family, std::string text,
                     std::function<void(double* row, int64_t depth)> change) {
  const auto edit = [change](OpInputs& in, const StepFacts&) {
    std::vector<double>& w = in.parameters[0].values;
    const int64_t depth = in.parameters[0].shape[1];
    for (size_t at = 0; at < w.size(); at += static_cast<size_t>(depth)) change(w.data() + at, depth);
  };
  return {std::string(family), std::move(text), m, {}, edit, {}, {}};
}

std::string range_text(int64_t first, int64_t width) {
  std::vector<int64_t> all;
  for (int64_t i = 0; i < width; ++i) all.push_back(first + i);
  return ranges_text(all);
}

void add_factor(size_t m, const Stretch& at, double factor, Suspects& out) {
  const std::string where = range_text(at.first, at.width());
  const bool lost = std::fabs(factor) < 1e-6;
  out.push_back(with_columns(
      m, lost ? code::kPartLost : code::kScale,
      lost ? fmt::format("input channels {} are left out of the sum", where)
           : fmt::format("the weights of input channels {} are multiplied by {}", where, number_text(factor)),
      [at, factor](double* row, int64_t) {
        for (int64_t i = at.first; i <= at.last; ++i) row[i] *= factor;
      }));
}

/// The channels of one stretch are multiplied by one factor.
void suspect_factor(const Channels& channels, size_t m, Suspects& out) {
  const Matrix gram = (channels.x.transpose() * channels.x).cwiseProduct(channels.w.transpose() * channels.w);
  const Vector explained = channels.cross.diagonal(), fitted = solve(gram, explained);
  int64_t strongest = 0;
  (fitted.cwiseProduct(explained)).maxCoeff(&strongest);
  const double change = fitted[strongest];
  if (!std::isfinite(change) || change == 0.0) return;
  const Vector gains = ((fitted / change).array() - 0.5).matrix().cwiseProduct(gram.diagonal());
  const Stretch at = best_stretch(gains);
  if (at.empty()) return;
  const double together =
      explained.segment(at.first, at.width()).sum() / gram.block(at.first, at.first, at.width(), at.width()).sum();
  for (const double tolerance : {0.01, 0.002, 0.0003})
    add_factor(m, at, rounded_number(1.0 + together, tolerance), out);
  add_factor(m, at, 0.0, out);
}

Mistake exchanged(size_t m, const Stretch& at, int64_t by) {
  const std::string text = fmt::format("input channels in another order: {} swapped with {}",
                                       range_text(at.first, at.width()), range_text(at.first + by, at.width()));
  return with_columns(m, code::kOrder, text, [at, by](double* row, int64_t) {
    for (int64_t i = at.first; i <= at.last; ++i) std::swap(row[i], row[i + by]);
  });
}

/// Two stretches, `by` apart, have each other's weights.
void suspect_swap(const Channels& channels, int64_t by, size_t m, Suspects& out) {
  const int64_t count = channels.x.cols() - by;
  const Matrix dx = channels.x.leftCols(count) - channels.x.rightCols(count);
  const Matrix dw = channels.w.rightCols(count) - channels.w.leftCols(count);
  const Matrix gram = (dx.transpose() * dx).cwiseProduct(dw.transpose() * dw);
  Vector explained(count);
  for (int64_t i = 0; i < count; ++i) {
    const Matrix& c = channels.cross;
    explained[i] = c(i, i + by) - c(i, i) - c(i + by, i + by) + c(i + by, i);
  }
  const Vector gains = (solve(gram, explained).array() - 0.5).matrix().cwiseProduct(gram.diagonal());
  Stretch at = best_stretch(gains);
  at.last = std::min(at.last, at.first + by - 1);  // or the two would overlap
  if (!at.empty()) out.push_back(exchanged(m, at, by));
}

/// Distances between channels that, exchanged, would explain most; the best first.
std::vector<int64_t> likely_distances(const Channels& channels) {
  constexpr size_t kTried = 3;
  const Matrix &c = channels.cross, xx = channels.x.transpose() * channels.x, ww = channels.w.transpose() * channels.w;
  std::vector<std::pair<double, int64_t>> best;  // of each distance its best pair
  for (int64_t by = 1; by < c.cols(); ++by) {
    double most = 0.0;
    for (int64_t i = 0; i + by < c.cols(); ++i) {
      const int64_t j = i + by;
      const double explained = c(i, j) - c(i, i) - c(j, j) + c(j, i);
      const double size = (xx(i, i) + xx(j, j) - 2.0 * xx(i, j)) * (ww(i, i) + ww(j, j) - 2.0 * ww(i, j));
      if (explained > 0.0 && size > 0.0) most = std::max(most, explained * explained / size);
    }
    best.emplace_back(-most, by);
  }
  std::sort(best.begin(), best.end());
  std::vector<int64_t> distances;
  for (size_t k = 0; k < std::min(kTried, best.size()); ++k) distances.push_back(best[k].second);
  return distances;
}

/// All channels have the weights of the channel so many before them.
void suspect_shift(const Channels& channels, size_t m, Suspects& out) {
  const int64_t depth = channels.cross.cols();
  double most = channels.cross.trace();
  int64_t best = 0;
  for (int64_t by = 1; by < depth; ++by) {
    double explained = 0.0;
    for (int64_t i = 0; i < depth; ++i) explained += channels.cross(i, (i + depth - by) % depth);
    if (explained > most) most = explained, best = by;
  }
  if (best == 0) return;
  out.push_back(
      with_columns(m, code::kOrder,
                   fmt::format("input channels in another order: each has the weights that belong {} before it", best),
                   [best](double* row, int64_t count) { std::rotate(row, row + count - best, row + count); }));
}

}  // namespace

void suspect_input_channels(const Bench& bench, Suspects& out) {
  const LinearData data = linear_data(bench);
  if (data.rows == 0 || data.depth < 2 || data.depth > kMostDepth) return;
  const Channels channels = channels_of(data);
  const size_t m = bench.chain().size() - 1;
  suspect_factor(channels, m, out);
  suspect_shift(channels, m, out);
  for (const int64_t by : likely_distances(channels)) suspect_swap(channels, by, m, out);
}

}  // namespace plumbline
