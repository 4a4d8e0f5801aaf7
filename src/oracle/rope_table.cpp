// SPDX-License-Identifier: Apache-2.0
// rope_table: cos and sin of position * theta^(-2i/D). Contract rope-table/f32: powers, angles, cosine and sine in f32
// (the angle of channel i and i + D/2 is the same), then rounded once to T; rope-table/f32out rounds no more. Positions
// are exact in f32 up to 2^24. Scaled frequencies (op_graph.h, RopeScaling): every operation of the blend rounds in
// f32, in an order that is free.
#include <algorithm>
#include <numbers>
#include <optional>

#include "oracle/output.h"

namespace plumbline {
namespace {

constexpr double kUlp = 2.0 * kUnitF32;         // one unit in the last place, at most this share of the value
constexpr double kSecondOrder = 1.0 + 0x1p-18;  // products of two roundings, which a sum of them leaves out

/// 1 / (stretch * theta^(2i/D)): exponent, power, product and quotient in f32. longrope alone has a stretch.
Uncertain inverse_frequency(double theta, int64_t i, int64_t width, double stretch) {
  const double exponent = as_f32(static_cast<double>(2 * i) / static_cast<double>(width));
  const double value = 1.0 / (stretch * std::pow(theta, exponent));
  if (i == 0) return {value, 0.0, 0.0};  // theta^0 is 1 in every implementation
  const double product = stretch == 1.0 ? 0.0 : kUnitF32;
  return {value, value * (function_ulps(Function::pow) * kUlp + kUnitF32 + product) * kSecondOrder,
          value * function_typical_ulps(Function::pow) * kUlp};
}

/// L / wavelength in turns per original length: reciprocal, times f32(2 pi), reciprocal, times f32(L), and the f32
/// limits that it is held against: seven roundings, one to spare.
constexpr double kTurnsUnits = 8.0 * kUnitF32;

/// The frequency (f32) after scaling, before its last rounding; nothing if the scaling keeps it as it is. The blend's
/// weight is 1 where the frequency is kept and 0 where it is divided, without a step between: so a weight that is
/// uncertain near a limit covers an implementation that finds itself on the limit's other side.
std::optional<Uncertain> scaled_frequency(const RopeScaling& scaling, const Uncertain& frequency) {
  if (scaling.kind == RopeScaling::Kind::longrope) return std::nullopt;  // inverse_frequency has it
  if (scaling.kind == RopeScaling::Kind::linear) {
    const double divided = frequency.value / scaling.factor;  // its divisor is rounded, or that one's reciprocal
    const double error = (2.0 * kUnitF32 * divided + frequency.error / scaling.factor) * kSecondOrder;
    return Uncertain{divided, error, 0.25 * error};
  }
  const double range = scaling.high_freq_factor - scaling.low_freq_factor;
  const double turns = scaling.original_positions * frequency.value / (2.0 * std::numbers::pi);
  const double turns_error = turns * (kTurnsUnits + frequency.error / frequency.value);
  const double weight = (turns - scaling.low_freq_factor) / range;
  // Subtraction, quotient and the divisor's own rounding add to what the turns are off by.
  const double weight_error = (turns_error / range + 3.0 * kUnitF32 * std::fabs(weight)) * kSecondOrder;
  const double low = std::clamp(weight - weight_error, 0.0, 1.0), high = std::clamp(weight + weight_error, 0.0, 1.0);
  if (low == 1.0) return std::nullopt;
  const double kept = std::clamp(weight, 0.0, 1.0), divided = frequency.value / scaling.factor;
  const double swing = std::max(high - kept, kept - low) * std::fabs(frequency.value - divided);
  // Division rounds its divisor, and the divisor's reciprocal where that is multiplied by; if something is blended, 1 -
  // s, two products and the quotient round as well. The sum, or a lone quotient, is the last rounding.
  const double roundings =
      high == 0.0 ? 2.0 * kUnitF32 * divided : kUnitF32 * (5.0 * (1.0 - low) * divided + high * frequency.value);
  const double error = (swing + roundings + std::max(1.0, 1.0 / scaling.factor) * frequency.error) * kSecondOrder;
  return Uncertain{(1.0 - kept) * divided + kept * frequency.value, error, 0.25 * error};
}

/// cos or sin of an f32 angle: `slope` is the derivative's size, the curvature at most 1.
Uncertain wave(double value, double slope, const Uncertain& angle, Function function) {
  const double places = kUlp * std::fabs(value);
  return {value,
          std::min(2.0, std::fabs(slope) * angle.error + 0.5 * angle.error * angle.error +
                            function_ulps(function) * places + (value == 0.0 ? 0.0 : kTinyF32)),
          std::hypot(slope * angle.sigma, function_typical_ulps(function) * places)};
}

/// f32(wave) times f32(factor), rounded to f32 before the output's own rounding.
Uncertain times(Uncertain v, double factor) {
  if (factor == 1.0) return v;
  const double value = v.value * factor, rounding = 2.0 * kUnitF32 * std::fabs(value);
  return {value, v.error * factor + rounding, std::hypot(v.sigma * factor, 0.4 * rounding)};
}

/// longrope's stretch of pair i, else 1.
double stretch_of(const std::optional<RopeScaling>& scaling, const Array& positions, int64_t i) {
  if (!scaling || scaling->kind != RopeScaling::Kind::longrope) return 1.0;
  const double last = *std::max_element(positions.values.begin(), positions.values.end());
  return as_f32(scaling->factors(static_cast<int64_t>(last) + 1).at(static_cast<size_t>(i)));
}

}  // namespace

std::vector<Evaluated> evaluate_rope_table(const OracleCall& call) {
  const Array& positions = call.input(0);
  const auto tokens = static_cast<int64_t>(positions.values.size());
  const int64_t width = integer(call.op, "head_dim"), half = width / 2;
  if (width <= 0 || width % 2 != 0) call.misfit("head_dim must be even", positions.shape);
  const double theta = as_f32(number(call.op, "theta"));
  const std::optional<RopeScaling> scaling = rope_scaling(call.op);
  const double attention = scaling ? as_f32(scaling->attention_factor) : 1.0;
  const Rounder f32(DType::f32);

  const Shape wide{1, tokens, width};
  TapWriter cos = result_writer(call, 0, wide), sin = result_writer(call, 1, wide);
  TapWriter inv_freq = inner_writer(call, ".inv_freq", "inv_freq", {half});
  TapWriter freqs = inner_writer(call, ".freqs", "freqs", {1, tokens, half});
  TapWriter cos32 = inner_writer(call, ".cos32", "cos32", wide), sin32 = inner_writer(call, ".sin32", "sin32", wide);
  for (int64_t i = 0; i < half; ++i) {
    const auto channel_pair = static_cast<size_t>(i);
    Uncertain exact_frequency =
        call.taken(inverse_frequency(theta, i, width, stretch_of(scaling, positions, i)), "inv_freq", channel_pair);
    Uncertain frequency = round_stage(f32, exact_frequency);
    if (const auto scaled = scaling ? scaled_frequency(*scaling, frequency) : std::nullopt) {
      exact_frequency = call.taken(*scaled, "scaled inv_freq", channel_pair);
      frequency = round_stage(f32, exact_frequency);
    }
    inv_freq.put(channel_pair, exact_frequency);
    for (int64_t token = 0; token < tokens; ++token) {
      const double position = as_f32(positions.values[static_cast<size_t>(token)]);
      const auto table_row = static_cast<size_t>(token * half + i);
      const Uncertain exact_angle{position * frequency.value, position * frequency.error, position * frequency.sigma};
      const Uncertain angle = round_stage(f32, exact_angle);
      freqs.put(table_row, exact_angle);
      const double c = std::cos(angle.value), s = std::sin(angle.value);
      const Uncertain cosine = call.taken(times(wave(c, s, angle, Function::cos), attention), "cos32", table_row);
      const Uncertain sine = call.taken(times(wave(s, c, angle, Function::sin), attention), "sin32", table_row);
      for (const int64_t channel : {i, i + half}) {
        const auto at = static_cast<size_t>(token * width + channel);
        cos32.put(at, cosine);
        sin32.put(at, sine);
        cos.put(at, cosine);
        sin.put(at, sine);
      }
    }
  }
  std::vector<Evaluated> all;
  for (TapWriter* tap : {&cos, &sin, &inv_freq, &freqs, &cos32, &sin32}) {
    if (tap->wanted()) all.push_back(tap->take(false));
  }
  return all;
}

}  // namespace plumbline
