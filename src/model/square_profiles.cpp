// SPDX-License-Identifier: Apache-2.0
#include "model/square_profiles.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <numeric>

namespace plumbline {
namespace {

/// Norms below this share of the mean count as this share: a row of zeros must not outweigh all others.
constexpr double kLeastShare = 1e-3;

constexpr size_t kBlock = 16;

/// Squares of `run` neighbours in one row, added to their columns; returns their sum. Lanes of f32, because a norm is
/// needed to a few digits only; where that overflows there is no profile.
template <class Load>
float add_run(const Load& load, size_t run, float* columns) {
  float lanes[kBlock] = {};
  size_t i = 0;
  for (; i + kBlock <= run; i += kBlock) {
    float squares[kBlock];
    for (size_t k = 0; k < kBlock; ++k) squares[k] = load(i + k) * load(i + k);
    for (size_t k = 0; k < kBlock; ++k) columns[i + k] += squares[k];
    for (size_t k = 0; k < kBlock; ++k) lanes[k] += squares[k];
  }
  for (; i < run; ++i) {
    columns[i] += load(i) * load(i);
    lanes[0] += load(i) * load(i);
  }
  return std::accumulate(lanes, lanes + kBlock, 0.0f);
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n,
               mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double aa = 0.0, bb = 0.0, ab = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
    ab += (a[i] - mean_a) * (b[i] - mean_b);
  }
  return aa > 0.0 && bb > 0.0 ? ab / std::sqrt(aa * bb) : 0.0;
}

/// Adds the correlation to `sum_r` and its z score to `sum_z`.
void add_likeness(const std::vector<double>& a, const std::vector<double>& b, double& sum_z, double& sum_r) {
  const double r = std::clamp(correlation(a, b), -0.999999, 0.999999);
  sum_r += r;
  sum_z += std::atanh(r) * std::sqrt(static_cast<double>(a.size()) - 3.0);
}

bool is_ahead(double z, double other_z, double r, double other_r) {
  return z > kSquareLimit && z - other_z > kSquareLimit && r > kSquareLikeness && r - other_r > kSquareLikeness;
}

}  // namespace

void SquareProfile::add(std::span<const std::byte> piece) {
  const std::byte* at = piece.data();
  const std::byte* const end = at + piece.size();
  const auto width = static_cast<size_t>(size_), bytes = element_bytes(dtype_);
  while (at != end) {
    const size_t row = next_ / width, column = next_ % width;
    const size_t run = std::min(width - column, static_cast<size_t>(end - at) / bytes);
    float* const columns = columns_.data() + column;
    if (dtype_ == DType::bf16) {
      rows_[row] += add_run(
          [at](size_t i) {
            uint16_t bits = 0;
            std::memcpy(&bits, at + 2 * i, sizeof bits);
            return std::bit_cast<float>(uint32_t{bits} << 16);
          },
          run, columns);
    } else if (dtype_ == DType::f32) {
      rows_[row] += add_run(
          [at](size_t i) {
            float value = 0.0f;
            std::memcpy(&value, at + 4 * i, sizeof value);
            return value;
          },
          run, columns);
    } else {
      rows_[row] += add_run([&](size_t i) { return static_cast<float>(decode(dtype_, at + bytes * i)); }, run, columns);
    }
    next_ += run;
    at += run * bytes;
  }
}

std::vector<double> SquareProfile::logs(const std::vector<float>& squares) {
  const double mean = std::accumulate(squares.begin(), squares.end(), 0.0) / static_cast<double>(squares.size());
  if (!(mean > 0.0) || !std::isfinite(mean)) return {};  // zeros, NaN, infinities: no profile
  std::vector<double> logs;
  for (const float square : squares)
    logs.push_back(std::log(std::max<double>(square, mean * kLeastShare * kLeastShare)));
  return logs;
}

SquareVerdict judge_square(const SquareMatrix& square, const std::vector<SquareMatrix>& all) {
  SquareVerdict verdict;
  if (square.rows.size() < 16 || square.columns.size() != square.rows.size()) return verdict;
  for (const SquareMatrix& other : all) {
    const int distance = std::abs(other.layer - square.layer);
    if (distance == 0 || distance > kSquareReach || other.kind != square.kind) continue;
    if (other.rows.size() != square.rows.size() || other.columns.size() != square.rows.size()) continue;
    add_likeness(square.rows, other.rows, verdict.upright, verdict.upright_r);
    add_likeness(square.columns, other.columns, verdict.upright, verdict.upright_r);
    add_likeness(square.rows, other.columns, verdict.crossed, verdict.crossed_r);
    add_likeness(square.columns, other.rows, verdict.crossed, verdict.crossed_r);
    ++verdict.neighbours;
  }
  if (verdict.neighbours == 0) return verdict;
  const double pairs = 2.0 * verdict.neighbours;
  verdict.upright /= std::sqrt(pairs);
  verdict.crossed /= std::sqrt(pairs);
  verdict.upright_r /= pairs;
  verdict.crossed_r /= pairs;
  if (is_ahead(verdict.upright, verdict.crossed, verdict.upright_r, verdict.crossed_r))
    verdict.form = SquareForm::upright;
  if (is_ahead(verdict.crossed, verdict.upright, verdict.crossed_r, verdict.upright_r))
    verdict.form = SquareForm::transposed;
  return verdict;
}

}  // namespace plumbline
