// SPDX-License-Identifier: Apache-2.0
#include "oracle/product.h"

#include <Eigen/Core>
#include <algorithm>
#include <bit>
#include <cmath>

#include "core/parallel.h"

namespace plumbline {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Map = Eigen::Map<const RowMajor>;

constexpr int64_t kRowsPerPiece = 512;  // rows of b^T (output columns) computed together

void multiply_transposed(MatrixView a, MatrixView b, double* out, int threads) {
  const Map left(a.data, a.rows, a.columns), right(b.data, b.rows, b.columns);
  Eigen::Map<RowMajor> result(out, a.rows, b.rows);
  const int64_t pieces = (b.rows + kRowsPerPiece - 1) / kRowsPerPiece;
  parallel_for(pieces, threads, [&](int64_t piece) {
    const int64_t first = piece * kRowsPerPiece, rows = std::min(kRowsPerPiece, b.rows - first);
    result.middleCols(first, rows).noalias() = left * right.middleRows(first, rows).transpose();
  });
}

std::vector<double> squares(const double* values, size_t count) {
  std::vector<double> out(count);
  for (size_t i = 0; i < count; ++i) out[i] = values[i] * values[i];
  return out;
}

size_t size_of(MatrixView m) { return static_cast<size_t>(m.rows * m.columns); }

/// At most 12 significant bits each: f32 holds the product of two of them, unless it is subnormal.
bool all_short(MatrixView m) {
  constexpr uint64_t kDropped = (uint64_t{1} << 41) - 1;  // of the 52 bits after the point 11 stay
  return std::all_of(m.data, m.data + size_of(m),
                     [](double value) { return (std::bit_cast<uint64_t>(value) & kDropped) == 0; });
}

/// Adds |da| |b| to result.inherited and its random-walk size, squared, to result.inherited_sigma (or the mirror
/// image).
void inherit(ProductResult& result, MatrixView a, MatrixView b, Right right, int threads) {
  std::vector<double> part(result.sums.size());
  multiply(a, b, right, part.data(), threads);
  for (size_t i = 0; i < part.size(); ++i) result.inherited[i] += part[i];
  const std::vector<double> a2 = squares(a.data, size_of(a)), b2 = squares(b.data, size_of(b));
  multiply({a2.data(), a.rows, a.columns}, {b2.data(), b.rows, b.columns}, right, part.data(), threads);
  for (size_t i = 0; i < part.size(); ++i) result.inherited_sigma[i] += part[i] / 4.0;  // half a bound on average
}

/// The magnitudes that are subnormal in f32, all else 0; empty if none is.
std::vector<double> subnormal_only(const std::vector<double>& sizes) {
  const auto is_subnormal = [](double size) { return size > 0.0 && size < kNormalF32; };
  if (std::none_of(sizes.begin(), sizes.end(), is_subnormal)) return {};
  std::vector<double> out(sizes.size());
  std::transform(sizes.begin(), sizes.end(), out.begin(), [&](double s) { return is_subnormal(s) ? s : 0.0; });
  return out;
}

void add_subnormal(ProductResult& result, MatrixView a, MatrixView b, Right right, int threads) {
  std::vector<double> part(result.sums.size());
  multiply(a, b, right, part.data(), threads);
  result.subnormal.resize(part.size());
  for (size_t i = 0; i < part.size(); ++i) result.subnormal[i] += part[i];
}

}  // namespace

void multiply(MatrixView a, MatrixView b, Right right, double* out, int threads) {
  if (right == Right::transposed) return multiply_transposed(a, b, out, threads);
  Eigen::Map<RowMajor>(out, a.rows, b.columns).noalias() =
      Map(a.data, a.rows, a.columns) * Map(b.data, b.rows, b.columns);
}

std::vector<double> magnitudes(const double* values, size_t count) {
  std::vector<double> out(count);
  for (size_t i = 0; i < count; ++i) out[i] = std::fabs(values[i]);
  return out;
}

ProductResult product(const ProductOperands& o, bool bounds, int threads) {
  ProductResult result;
  const size_t count = static_cast<size_t>(o.a.rows * (o.right == Right::transposed ? o.b.rows : o.b.columns));
  result.sums.resize(count);
  multiply(o.a, o.b, o.right, result.sums.data(), threads);
  if (!bounds) return result;
  const std::vector<double> a = magnitudes(o.a.data, size_of(o.a)), b = magnitudes(o.b.data, size_of(o.b));
  const MatrixView a_size{a.data(), o.a.rows, o.a.columns}, b_size{b.data(), o.b.rows, o.b.columns};
  result.sizes.resize(count);
  multiply(a_size, b_size, o.right, result.sizes.data(), threads);
  result.exact_products = all_short(o.a) && all_short(o.b);
  const std::vector<double> small_a = subnormal_only(a), small_b = subnormal_only(b);
  if (!small_a.empty()) add_subnormal(result, {small_a.data(), o.a.rows, o.a.columns}, b_size, o.right, threads);
  if (!small_b.empty()) add_subnormal(result, a_size, {small_b.data(), o.b.rows, o.b.columns}, o.right, threads);
  if (o.a_bound == nullptr && o.b_bound == nullptr) return result;
  result.inherited.assign(count, 0.0);
  result.inherited_sigma.assign(count, 0.0);
  const MatrixView a_bound{o.a_bound, o.a.rows, o.a.columns}, b_bound{o.b_bound, o.b.rows, o.b.columns};
  if (o.a_bound != nullptr) inherit(result, a_bound, b_size, o.right, threads);
  if (o.b_bound != nullptr) inherit(result, a_size, b_bound, o.right, threads);
  if (o.a_bound != nullptr && o.b_bound != nullptr) inherit(result, a_bound, b_bound, o.right, threads);
  for (double& sigma : result.inherited_sigma) sigma = std::sqrt(sigma);
  return result;
}

double Summation::largest_binade(double sum, double sizes) const {
  if (of_magnitudes_) return sizes;
  // Positive terms only, or negative ones only, make the largest partial sum.
  const double largest = 0.5 * (sizes + std::fabs(sum)) * (1.0 + bound_ + extra_);
  return largest > 0.0 && std::isfinite(largest) ? std::ldexp(1.0, std::ilogb(largest)) : largest;
}

Uncertain Summation::operator()(double sum, double sizes, double subnormal) const {
  if (!std::isfinite(sum)) return {sum, 0.0, 0.0};  // an operand is infinite or NaN: so is every order's sum
  const double partial = std::sqrt(sum * sum / 3.0 + sizes * sizes / std::max(terms_, 1.0));
  const double lost = sizes == 0.0 ? 0.0 : terms_ * lost_per_term_ + (flushes_operands_ ? subnormal : 0.0);
  const uint8_t escapes = sizes * (1.0 + bound_ + extra_) >= kMaxF32 ? kOverflows : 0;
  return {sum, bound_ * largest_binade(sum, sizes) + extra_ * sizes + lost, std::hypot(walk_ * partial, lost), escapes};
}

Uncertain product_element(const Summation& summation, const ProductResult& result, size_t i, double bias) {
  const double sum = result.sums[i] + bias;
  if (result.sizes.empty()) return in_f32_range({sum, 0.0, 0.0});
  const double subnormal = result.subnormal.empty() ? 0.0 : result.subnormal[i];
  if (result.inherited.empty()) return summation(sum, result.sizes[i] + std::fabs(bias), subnormal);
  const double inherited = result.inherited[i];
  if (!std::isfinite(inherited)) return {sum, kInfinity, 0.0};
  // It moves the sum as well as the magnitudes.
  Uncertain v = summation(sum, result.sizes[i] + std::fabs(bias) + 2.0 * inherited, subnormal);
  v.error += std::isfinite(sum) ? inherited : 0.0;
  v.sigma = std::hypot(v.sigma, result.inherited_sigma[i]);
  return v;
}

}  // namespace plumbline
