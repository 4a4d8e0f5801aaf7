// SPDX-License-Identifier: Apache-2.0
// add, multiply, scale, causal_mask, silu, gelu_tanh, softcap: one element at a time. The first four have one right
// result: the f32 result of two given numbers, rounded to T; under a contract whose result is exact they round nothing.
// silu/f32: x / (1 + exp(-x)) in f32, where exp(-x) overflows like f32 does. gelu-tanh/f32: 1 + tanh loses what is
// small beside one, so its error is one of x, not of the result. softcap/rounded: three roundings to T.
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

constexpr double kRootTwoOverPi = 0.7978845608028653559, kCubic = 0.044715;
constexpr double kGeluUnits = 8.0 * kUnitF32;  // tanh's argument: two squarings, two products and a sum, two constants

/// tanh of an f32 number that may be off: tanh' is 1 - tanh^2, |tanh''| below 0.77.
Uncertain tanh_of(const Uncertain& x) {
  const double value = std::tanh(x.value);
  if (std::isnan(value)) return {value, 0.0, 0.0};
  const double places = 2.0 * kUnitF32 * std::fabs(value), slope = 1.0 - value * value;
  const double error = x.error * (slope + 0.4 * x.error) + function_ulps(Function::tanh) * places;
  return {value, std::min(2.0, error + (value == 0.0 ? 0.0 : kTinyF32)),
          std::hypot(x.sigma * slope, function_typical_ulps(Function::tanh) * places)};
}

Uncertain gelu_tanh(const Uncertain& x) {
  const double square = x.value * x.value;
  const double argument = kRootTwoOverPi * x.value * (1.0 + kCubic * square);
  const double moved = kGeluUnits * std::fabs(argument);
  const Uncertain bent = tanh_of({argument, moved, 0.5 * moved});
  const double half = 0.5 * std::fabs(x.value), one_more = 1.0 + bent.value;
  const double value = 0.5 * x.value * one_more;
  if (!std::isfinite(value)) return {value, 0.0, 0.0};  // -Inf times 0 among them
  const double roundings = 3.0 * kUnitF32 * (std::fabs(value) + half * bent.error) + kTinyF32;
  Uncertain out{value, half * bent.error + roundings, std::hypot(half * bent.sigma, kUnitF32 * std::fabs(value))};
  if (x.error == 0.0) return out;
  const double slope = std::fabs(0.5 * one_more + 0.5 * x.value * (1.0 - bent.value * bent.value) * kRootTwoOverPi *
                                                      (1.0 + 3.0 * kCubic * square));
  out.error += x.error * (slope + 0.5 * x.error);  // |gelu''| is below 0.9
  out.sigma = std::hypot(out.sigma, x.sigma * slope);
  return in_f32_range(out);
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

std::vector<Evaluated> evaluate_gelu_tanh(const OracleCall& call) {
  return map_elements(call, false, [&](size_t i) { return gelu_tanh(call.element(0, i)); });
}

std::vector<Evaluated> evaluate_softcap(const OracleCall& call) {
  const Shape& shape = call.input(0).shape;
  const double cap = as_f32(number(call.op, "cap"));
  const Rounder model(call.model_dtype);
  TapWriter out = result_writer(call, 0, shape), quotients = inner_writer(call, ".quotient", "quotient", shape),
            tangents = inner_writer(call, ".tanh", "tanh", shape);
  for (size_t i = 0; i < call.input(0).values.size(); ++i) {
    const Uncertain x = call.element(0, i);
    const double exact = x.value / cap;
    const bool rounds = std::isfinite(exact) && exact != 0.0;
    // A quotient, or a product with the cap's rounded reciprocal.
    const double roundings = rounds ? 2.0 * kUnitF32 * std::fabs(exact) + kTinyF32 : 0.0;
    const Uncertain quotient =
        call.taken({exact, x.error / cap + roundings, std::hypot(x.sigma / cap, 0.4 * roundings)}, "quotient", i);
    const Uncertain bent = call.taken(tanh_of(round_stage(model, quotient)), "tanh", i);
    const Uncertain rounded = round_stage(model, bent);
    quotients.put(i, quotient);
    tangents.put(i, bent);
    const double product = rounded.value * cap, rounding = std::fabs(product) * kUnitF32;
    out.put(i, {product, rounded.error * cap + rounding, std::hypot(rounded.sigma * cap, 0.4 * rounding),
                rounded.escapes, rounded.turned * cap});
  }
  std::vector<Evaluated> all;
  all.push_back(out.take(false));
  for (TapWriter* tap : {&quotients, &tangents}) {
    if (tap->wanted()) all.push_back(tap->take(false));
  }
  return all;
}

}  // namespace plumbline
