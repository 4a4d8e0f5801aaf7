// SPDX-License-Identifier: Apache-2.0
// rmsnorm: w * (x / sqrt(mean(x^2) + eps)), over the last axis or per head. Contracts rmsnorm/llama (n = x * rstd is
// rounded to T, then w * n), rmsnorm/olmo (rounded at the output only), rmsnorm/gemma (the same with f32(1 + w) for w),
// rmsnorm/f32 (not rounded to T at all). A sum of
// squares past f32's maximum is infinite, rstd then 0, and n 0 (NaN where x is infinite); right at the edge both that
// and the number are right.
#include "oracle/output.h"
#include "oracle/running_sum.h"

namespace plumbline {
namespace {

constexpr double kUlp = 2.0 * kUnitF32;  // one unit in the last place, at most this share of the value

struct NormTaps {
  TapWriter x32, var, rstd, n32, n, out;
};

/// The statistic of one row, as an implementation may have it.
struct RowStatistic {
  Uncertain var, rstd;
  double rstd_inherited = 0.0;  ///< share of rstd's relative error that comes from uncertain inputs
};

/// The walk of a declared order is its own.
Accumulator walking_accumulator(const OracleCall& call) {
  if (call.declares(SumOrder::f32_chain)) return Accumulator::f32_chain;
  return call.declares(SumOrder::f32_tree) ? Accumulator::f32_tree : call.contract.accumulator;
}

class Norm {
 public:
  Norm(const OracleCall& call, int64_t width)
      : call_(call),
        width_(static_cast<size_t>(width)),
        eps_(as_f32(number(call.op, "eps"))),
        walk_(accumulation_walk(walking_accumulator(call), width)),
        n_grid_(call.contract.grid("n")),
        offset_(call.contract.name == "rmsnorm/gemma" ? 1.0 : 0.0),
        model_(call.model_dtype) {}

  void row(size_t row, NormTaps& taps) const;

 private:
  std::vector<double> squares(size_t first) const;
  RunningSum square_sum(size_t first, const std::vector<double>& squares, double inherited) const;
  double expected(const std::vector<double>& squares, double sum) const;
  RowStatistic statistic(size_t first) const;
  Uncertain normalised(const Uncertain& x, const RowStatistic& row) const;
  Uncertain weighted(const Uncertain& n, double weight) const;

  const OracleCall& call_;
  size_t width_;
  double eps_, walk_;
  Grid n_grid_;
  double offset_;  ///< of the stored weight
  Rounder model_;
};

/// Of one row; empty if nobody asks for errors.
std::vector<double> Norm::squares(size_t first) const {
  if (!call_.needs_errors()) return {};
  const double* x = call_.input(0).values.data() + first;
  std::vector<double> squares(width_);
  for (size_t i = 0; i < width_; ++i) squares[i] = x[i] * x[i];
  return squares;
}

/// The sum of the row's squares, in the declared order or the worst one. Squares may have been rounded before.
RunningSum Norm::square_sum(size_t first, const std::vector<double>& squares, double inherited) const {
  const double* x = call_.input(0).values.data() + first;
  const double given = inherited + product_roundings({x, width_}, {x, width_});
  if (call_.declares(SumOrder::f32_chain)) return chain_sum(squares, given);
  if (call_.declares(SumOrder::f32_tree)) return lanes_sum(squares, given);
  return worst_order_sum(squares, given);
}

/// The expected size of the sum's error, of what it inherits apart.
double Norm::expected(const std::vector<double>& squares, double sum) const {
  if (squares.empty()) return 0.0;
  const float in_f32 = call_.declares(SumOrder::f32_tree) ? lanes_in_f32(squares) : chain_in_f32(squares);
  return expected_with_drift(walk_ * sum * 0.58, static_cast<double>(in_f32) - sum);
}

RowStatistic Norm::statistic(size_t first) const {
  double sum = 0.0, inherited = 0.0, inherited_square = 0.0;
  for (size_t i = first; i < first + width_; ++i) {
    const Uncertain x = call_.element(0, i);
    sum += x.value * x.value;
    const double change = x.error * (2.0 * std::fabs(x.value) + x.error);
    inherited += change;
    inherited_square += 0.25 * change * change;
  }
  RowStatistic row;
  const auto n = static_cast<double>(width_);
  // The sum overflows before it is divided by n, or multiplied by n's rounded reciprocal.
  const std::vector<double> squares = this->squares(first);
  const double sum_error = !squares.empty() && std::isfinite(sum) ? square_sum(first, squares, inherited).error : 0.0;
  const Uncertain held = in_f32_range({sum, sum_error + n * kTinyF32 + 2.0 * kUnitF32 * (sum + sum_error), 0.0});
  row.var = {held.value / n, held.error / n, std::hypot(expected(squares, sum), std::sqrt(inherited_square)) / n,
             held.escapes};
  if (sum == 0.0 && inherited == 0.0) row.var.error = row.var.sigma = 0.0;
  row.var = call_.taken(row.var, "var", first / width_);
  const double biased = row.var.value + eps_;
  row.rstd.value = 1.0 / std::sqrt(biased);
  if (!std::isfinite(biased)) return row;  // NaN, or certainly infinite: rstd 0
  const double relative = row.var.error == 0.0 ? 0.0 : row.var.error / biased;
  if (!(relative < 0.5)) {
    row.rstd.error = kInfinity;
    return row;
  }
  // 1 / sqrt(1 - r) - 1 bounds both sides of a relative change r of its argument.
  const double moved = 1.0 / std::sqrt(1.0 - relative - kUnitF32) - 1.0;
  const double function = function_ulps(Function::rsqrt) * kUlp;
  row.rstd.error = row.rstd.value * (moved + function) * (1.0 + function);
  row.rstd.sigma =
      row.rstd.value * std::hypot(0.5 * row.var.sigma / biased, function_typical_ulps(Function::rsqrt) * kUlp);
  row.rstd_inherited = inherited / n / biased;
  if ((held.escapes & kOverflows) != 0) row.rstd.escapes = kVanishes;
  row.rstd = call_.taken(row.rstd, "rstd", first / width_);
  return row;
}

Uncertain Norm::normalised(const Uncertain& x, const RowStatistic& row) const {
  const double value = x.value * row.rstd.value;
  if (!std::isfinite(value)) return {value, 0.0, 0.0};
  const double magnitude = std::fabs(value);
  // However uncertain the row, |n| never exceeds sqrt(width): sum n^2 <= width.
  const double cap =
      magnitude + std::sqrt(static_cast<double>(width_)) * (1.0 + static_cast<double>(width_) * kUnitF32);
  if (std::isinf(row.rstd.error)) return {value, row.rstd_inherited > 0.0 ? cap : kInfinity, magnitude};
  const double error = std::fabs(x.value) * row.rstd.error + x.error * (row.rstd.value + row.rstd.error) +
                       magnitude * kUnitF32 + (value == 0.0 ? 0.0 : kTinyF32);
  const double sigma = std::hypot(x.value * row.rstd.sigma, x.sigma * row.rstd.value, 0.4 * kUnitF32 * magnitude);
  return in_f32_range({value, x.error > 0.0 ? std::min(error, cap) : error, sigma, row.rstd.escapes});
}

Uncertain Norm::weighted(const Uncertain& n, double weight) const {
  const double value = n.value * weight, size = std::fabs(weight);
  if (!std::isfinite(value)) return {value, 0.0, 0.0};
  // Two values of T: the product is exact in f32 (or, for T = f32, its rounding is the output's own).
  const bool exact_product = n_grid_ == Grid::model && model_.dtype() != DType::f32;
  const double rounding = exact_product ? 0.0 : std::fabs(value) * kUnitF32 + (value == 0.0 ? 0.0 : kTinyF32);
  return in_f32_range({value, (weight == 0.0 ? 0.0 : n.error * size) + rounding,
                       std::hypot(n.sigma * size, 0.4 * rounding), n.escapes, n.turned * size});
}

void Norm::row(size_t row, NormTaps& taps) const {
  const size_t first = row * width_;
  const RowStatistic statistic_of_row = statistic(first);
  taps.var.put(row, statistic_of_row.var);
  taps.rstd.put(row, statistic_of_row.rstd);
  const double* stored = call_.parameter(0).values.data();
  const auto weight = [&](size_t i) { return offset_ == 0.0 ? stored[i] : as_f32(offset_ + stored[i]); };
  for (size_t i = 0; i < width_; ++i) {
    const Uncertain x = call_.element(0, first + i);
    const Uncertain n32 = call_.taken(normalised(x, statistic_of_row), "n32", first + i);
    taps.x32.put(first + i, x);
    taps.n32.put(first + i, n32);
    taps.n.put(first + i, n32);
    taps.out.put(first + i, weighted(n_grid_ == Grid::model ? round_stage(model_, n32) : n32, weight(i)));
  }
}

std::vector<Evaluated> collect(const OracleCall& call, NormTaps& taps) {
  std::vector<Evaluated> all;
  all.push_back(taps.out.take(false));
  if (taps.x32.wanted()) all.push_back(taps.x32.take(!call.has_bounds(0)));
  for (TapWriter* tap : {&taps.var, &taps.rstd, &taps.n32, &taps.n}) {
    if (tap->wanted()) all.push_back(tap->take(false));
  }
  return all;
}

}  // namespace

std::vector<Evaluated> evaluate_rmsnorm(const OracleCall& call) {
  const Shape& shape = call.input(0).shape;
  const Shape& weight = call.parameter(0).shape;
  const int64_t heads = integer(call.op, "heads");
  if (weight.size() != 1 || weight[0] == 0) call.misfit("the weight must be a vector", weight);
  if (shape.size() < 3 || shape[0] != 1) call.misfit("the input must be [1, tokens, ...]", shape);
  const int64_t width = weight[0], tokens = shape[1], per_token = width * std::max<int64_t>(heads, 1);
  if (element_count(shape) != tokens * per_token) call.misfit("heads * weight must be the input's width", shape);
  const int64_t rows = tokens * std::max<int64_t>(heads, 1);

  Shape wide = heads > 0 ? Shape{1, tokens, heads, width} : Shape{1, tokens, width};
  Shape narrow = wide;
  narrow.back() = 1;
  NormTaps taps{inner_writer(call, ".x32", "x32", wide),     inner_writer(call, ".var", "var", narrow),
                inner_writer(call, ".rstd", "rstd", narrow), inner_writer(call, ".n32", "n32", wide),
                inner_writer(call, ".n", "n", wide),         result_writer(call, 0, wide)};
  for (TapWriter* tap : {&taps.n32, &taps.n, &taps.out}) tap->share(static_cast<size_t>(width));
  const Norm norm(call, width);
  for (int64_t row = 0; row < rows; ++row) norm.row(static_cast<size_t>(row), taps);
  return collect(call, taps);
}

}  // namespace plumbline
