// SPDX-License-Identifier: Apache-2.0
// add, multiply, scale, causal_mask, silu: one element at a time. The first four have one right result: the f32 result
// of two given numbers, rounded to T; under a contract whose result is exact they round nothing. silu/f32: x / (1 +
// exp(-x)) in f32, where exp(-x) overflows like f32 does.
#include "oracle/output.h"

namespace plumbline {
namespace {

template <class Formula>
std::vector<Evaluated> map_elements(const OracleCall& call, bool exact_class, const Formula& formula) {
  TapWriter out = result_writer(call, 0, call.input(0).shape);
  const size_t count = call.input(0).values.size();
  for (size_t i = 0; i < count; ++i) out.put(i, formula(i));
  std::vector<Evaluated> all;
  all.push_back(out.take(exact_class));
  return all;
}

void require_same_shapes(const OracleCall& call) {
  if (call.input(0).shape != call.input(1).shape) call.misfit("the operands' shapes differ", call.input(1).shape);
}

/// The f32 rounding of an exact result. For an uncertain one it is one more error.
class RoundedF32 {
 public:
  explicit RoundedF32(const OracleCall& call) : rounds_(call.contract.grid("out") != Grid::exact) {}
  Uncertain operator()(double exact, double error, double sigma) const {
    if (!rounds_) return {exact, error, sigma};
    if (error == 0.0 || !std::isfinite(exact)) return {as_f32(exact), 0.0, 0.0};  // NaN and infinity come from an input
    return in_f32_range({exact, error + std::fabs(exact) * kUnitF32 + kTinyF32, sigma});
  }

 private:
  bool rounds_;
};

/// silu'(x) = s (1 + x (1 - s)), s the logistic function; |silu''| <= 1/2 everywhere.
Uncertain with_input_error(Uncertain v, const Uncertain& x, double share) {
  if (x.error == 0.0 || !std::isfinite(v.value)) return v;
  const double slope = std::fabs(share * (1.0 + x.value * (1.0 - share)));
  v.error += x.error * (slope + 0.25 * x.error);
  v.sigma = std::hypot(v.sigma, x.sigma * slope);
  return v;
}

Uncertain silu(const Uncertain& x) {
  constexpr double kUlp = 2.0 * kUnitF32;  // one unit in the last place, at most this share of the value
  const double power = std::exp(-x.value);
  const double power_error = function_ulps(Function::exp) * kUlp;
  if (power * (1.0 - power_error) > kMaxF32 && std::isfinite(x.value)) return {-0.0, x.error, 0.0};
  const double value = x.value / (1.0 + power);
  if (!std::isfinite(value)) return {value, 0.0, 0.0};
  if (power * (1.0 + power_error) > kMaxF32) return {value, std::fabs(value) + x.error, std::fabs(value)};
  const double weight = power / (1.0 + power);  // d ln(1 + power) / d ln(power)
  const double relative = (power_error * weight + 2.0 * kUnitF32) * (1.0 + power_error);
  const double typical = std::hypot(function_typical_ulps(Function::exp) * kUlp * weight, kUnitF32);
  return with_input_error({value, std::fabs(value) * relative + kTinyF32, std::fabs(value) * typical}, x,
                          1.0 / (1.0 + power));
}

}  // namespace

std::vector<Evaluated> evaluate_add(const OracleCall& call) {
  require_same_shapes(call);
  const RoundedF32 rounded_f32(call);
  return map_elements(call, !call.has_bounds(0) && !call.has_bounds(1), [&](size_t i) {
    const Uncertain a = call.element(0, i), b = call.element(1, i);
    return rounded_f32(a.value + b.value, a.error + b.error, std::hypot(a.sigma, b.sigma));
  });
}

std::vector<Evaluated> evaluate_multiply(const OracleCall& call) {
  require_same_shapes(call);
  const RoundedF32 rounded_f32(call);
  return map_elements(call, !call.has_bounds(0) && !call.has_bounds(1), [&](size_t i) {
    const Uncertain a = call.element(0, i), b = call.element(1, i);
    const double error = a.error * std::fabs(b.value) + b.error * std::fabs(a.value) + a.error * b.error;
    return rounded_f32(a.value * b.value, error, std::hypot(a.sigma * b.value, b.sigma * a.value));
  });
}

std::vector<Evaluated> evaluate_scale(const OracleCall& call) {
  const double factor = as_f32(number(call.op, "factor"));
  const RoundedF32 rounded_f32(call);
  return map_elements(call, !call.has_bounds(0), [&](size_t i) {
    const Uncertain x = call.element(0, i);
    return rounded_f32(x.value * factor, x.error * std::fabs(factor), x.sigma * std::fabs(factor));
  });
}

std::vector<Evaluated> evaluate_causal_mask(const OracleCall& call) {
  const Shape& shape = call.input(0).shape;
  if (shape.size() != 4) call.misfit("the scores must be [1, heads, tokens, keys]", shape);
  const int64_t offset = integer(call.op, "offset"), tokens = shape[2], keys = shape[3];
  const std::optional<int64_t> window = mask_window(call.op);
  const double lowest = -max_finite(call.model_dtype);
  const RoundedF32 rounded_f32(call);
  return map_elements(call, !call.has_bounds(0), [&](size_t i) {
    const auto at = static_cast<int64_t>(i);
    const int64_t key = at % keys, query = call.in.first_position + at / keys % tokens;
    const bool seen = key <= query + offset && (!window || key > query - *window);
    const Uncertain x = call.element(0, i);
    return rounded_f32(x.value + (seen ? 0.0 : lowest), x.error, x.sigma);
  });
}

std::vector<Evaluated> evaluate_silu(const OracleCall& call) {
  return map_elements(call, false, [&](size_t i) { return silu(call.element(0, i)); });
}

}  // namespace plumbline
