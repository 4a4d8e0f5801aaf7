// SPDX-License-Identifier: Apache-2.0
// softmax over the last axis. Contract attention/eager: in f32 subtract the row's maximum, exp, sum in any order,
// divide; round to T. A row that holds NaN, or infinity as its maximum, is NaN throughout.
#include <algorithm>
#include <functional>
#include <vector>

#include "oracle/output.h"

namespace plumbline {
namespace {

constexpr double kUlp = 2.0 * kUnitF32;  // one unit in the last place, at most this share of the value

/// Sums over one row that its elements' errors need.
struct Row {
  double maximum = -kInfinity;
  double sum = 0.0;           ///< of exp(x - maximum)
  double shift_error = 0.0;   ///< sum of p * (rounding of the exponent)
  double inherited_up = 0.0;  ///< log of sum p exp(dx)
  double inherited_sigma = 0.0;
  int64_t terms = 0;                        ///< that do not vanish in f32
  double sum_error = 0.0, sum_sigma = 0.0;  ///< relative, of the f32 sum
};

class Softmax {
 public:
  explicit Softmax(const OracleCall& call) : call_(call), inherits_(call.has_bounds(0)) {}

  Row row(size_t first, size_t width) const;
  double rescaling(const Row& row, size_t first, size_t width) const;
  Uncertain element(size_t at, const Row& row) const;

 private:
  const OracleCall& call_;
  bool inherits_;
};

/// One pass over the row: what was added before a larger score came is multiplied by exp(old - new maximum), at most
/// once for each score above its own. The roundings of those differences add up to no more than shift_error has.
double Softmax::rescaling(const Row& row, size_t first, size_t width) const {
  const double* x = call_.input(0).values.data() + first;
  std::vector<double> scores(x, x + width);
  std::sort(scores.begin(), scores.end(), std::greater<>());
  const double one = function_ulps(Function::exp) * kUlp + kUnitF32;
  double roundings = 0.0;
  size_t above = 0;
  for (size_t i = 0; i < width; ++i) {
    if (!inherits_ && scores[i] < scores[above]) above = i;
    roundings += std::exp(scores[i] - row.maximum) / row.sum * static_cast<double>(inherits_ ? width : above);
  }
  return one * roundings * (1.0 + one * static_cast<double>(width));
}

Row Softmax::row(size_t first, size_t width) const {
  const double* x = call_.input(0).values.data() + first;
  Row row;
  for (size_t i = 0; i < width; ++i)
    row.maximum = std::isnan(x[i]) || x[i] > row.maximum ? x[i] : row.maximum;  // NaN stays
  if (!std::isfinite(row.maximum)) {
    row.sum = std::numeric_limits<double>::quiet_NaN();
    return row;
  }
  double moved = 0.0, sigma_square = 0.0;
  for (size_t i = 0; i < width; ++i) {
    const double power = std::exp(x[i] - row.maximum);
    row.terms += power > kTinyF32 / 2.0 ? 1 : 0;
    row.sum += power;
    row.shift_error += power == 0.0 ? 0.0 : power * (row.maximum - x[i]) * kUnitF32;
    if (inherits_) {
      const Uncertain in = call_.element(0, first + i);
      moved += std::exp(in.value - row.maximum + in.error);
      sigma_square += power == 0.0 ? 0.0 : power * power * in.sigma * in.sigma;
    }
  }
  row.shift_error /= row.sum;
  row.sum_error = accumulation_bound(Accumulator::scalar_any, row.terms);
  if (call_.declares(SumOrder::online)) row.sum_error += rescaling(row, first, width);
  row.sum_sigma = 0.58 * accumulation_walk(Accumulator::scalar_any, row.terms);
  if (inherits_) {
    row.inherited_up = std::log(moved / row.sum);
    row.inherited_sigma = std::sqrt(sigma_square) / row.sum;
  }
  return row;
}

Uncertain Softmax::element(size_t at, const Row& row) const {
  const double distance = row.maximum - call_.input(0).values[at];
  const double value = std::exp(-distance) / row.sum;
  if (!std::isfinite(value)) return {value, 0.0, 0.0};
  if (value == 0.0 && !inherits_) return {};
  const double function = function_ulps(Function::exp) * kUlp;
  // Shifted exponents and exp itself, of this element and (weighted by p) of the sum; the sum; the quotient.
  const double relative = value == 0.0
                              ? 0.0
                              : (distance * kUnitF32 + row.shift_error + 2.0 * function + row.sum_error + kUnitF32) *
                                    (1.0 + 4.0 * function + row.sum_error);
  const double typical = value == 0.0 ? 0.0
                                      : std::hypot(std::hypot(0.3 * distance, 0.4) * kUnitF32,
                                                   function_typical_ulps(Function::exp) * kUlp, row.sum_sigma);
  Uncertain v{value, value * relative + 2.0 * kTinyF32 / std::min(row.sum, 1.0), value * typical};
  if (!inherits_) return v;
  const Uncertain in = call_.element(0, at);
  // p' / p lies within exp(+-(dx + log sum p exp(dx))); and 0 <= p' <= 1.
  const double moved = std::exp(in.error - distance + row.inherited_up) / row.sum - value;
  v.error = std::min(v.error + (std::isnan(moved) ? 1.0 : moved), std::max(value, 1.0 - value) + kUnitF32);
  v.sigma = std::min(std::hypot(v.sigma, value * std::hypot(in.sigma, row.inherited_sigma)), v.error);
  return v;
}

}  // namespace

std::vector<Evaluated> evaluate_softmax(const OracleCall& call) {
  const Shape shape = call.input(0).shape;
  if (shape.empty()) call.misfit("the scores need an axis", shape);
  const auto width = static_cast<size_t>(shape.back());
  TapWriter out = result_writer(call, 0, shape), probs32 = inner_writer(call, ".probs32", "probs32", shape);
  const Softmax softmax(call);
  for (size_t first = 0; width > 0 && first < call.input(0).values.size(); first += width) {
    const Row row = softmax.row(first, width);
    for (size_t i = first; i < first + width; ++i) {
      const Uncertain p = call.taken(softmax.element(i, row), "probs32", i);
      out.put(i, p);
      probs32.put(i, p);
    }
  }
  std::vector<Evaluated> all;
  all.push_back(out.take(false));
  if (probs32.wanted()) all.push_back(probs32.take(false));
  return all;
}

}  // namespace plumbline
