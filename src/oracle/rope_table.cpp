// SPDX-License-Identifier: Apache-2.0
// rope_table: cos and sin of position * theta^(-2i/D). Contract rope-table/f32: powers, angles, cosine and sine in f32
// (the angle of channel i and i + D/2 is the same), then rounded once to T. Positions are exact in f32 up to 2^24.
#include "oracle/output.h"

namespace plumbline {
namespace {

constexpr double kUlp = 2.0 * kUnitF32;  // one unit in the last place, at most this share of the value

/// 1 / theta^(2i/D): exponent, power and quotient in f32.
Uncertain inverse_frequency(double theta, int64_t i, int64_t width) {
  const double exponent = as_f32(static_cast<double>(2 * i) / static_cast<double>(width));
  const double value = 1.0 / std::pow(theta, exponent);
  if (i == 0) return {value, 0.0, 0.0};  // theta^0 is 1 in every implementation
  return {value, value * (function_ulps(Function::pow) * kUlp + kUnitF32) * (1.0 + 0x1p-18),
          value * function_typical_ulps(Function::pow) * kUlp};
}

/// cos or sin of an f32 angle: `slope` is the derivative's size, the curvature at most 1.
Uncertain wave(double value, double slope, const Uncertain& angle, Function function) {
  const double places = kUlp * std::fabs(value);
  return {value,
          std::min(2.0, std::fabs(slope) * angle.error + 0.5 * angle.error * angle.error +
                            function_ulps(function) * places + (value == 0.0 ? 0.0 : kTinyF32)),
          std::hypot(slope * angle.sigma, function_typical_ulps(function) * places)};
}

}  // namespace

std::vector<Evaluated> evaluate_rope_table(const OracleCall& call) {
  const Array& positions = call.input(0);
  const auto tokens = static_cast<int64_t>(positions.values.size());
  const int64_t width = integer(call.op, "head_dim"), half = width / 2;
  if (width <= 0 || width % 2 != 0) call.misfit("head_dim must be even", positions.shape);
  const double theta = as_f32(number(call.op, "theta"));
  const Rounder f32(DType::f32);

  const Shape wide{1, tokens, width};
  TapWriter cos = result_writer(call, 0, wide), sin = result_writer(call, 1, wide);
  TapWriter inv_freq = inner_writer(call, ".inv_freq", "inv_freq", {half});
  TapWriter freqs = inner_writer(call, ".freqs", "freqs", {1, tokens, half});
  TapWriter cos32 = inner_writer(call, ".cos32", "cos32", wide), sin32 = inner_writer(call, ".sin32", "sin32", wide);
  for (int64_t i = 0; i < half; ++i) {
    const Uncertain exact_frequency = inverse_frequency(theta, i, width);
    const Uncertain frequency = round_stage(f32, exact_frequency);
    inv_freq.put(static_cast<size_t>(i), exact_frequency);
    for (int64_t token = 0; token < tokens; ++token) {
      const double position = as_f32(positions.values[static_cast<size_t>(token)]);
      const Uncertain exact_angle{position * frequency.value, position * frequency.error, position * frequency.sigma};
      const Uncertain angle = round_stage(f32, exact_angle);
      freqs.put(static_cast<size_t>(token * half + i), exact_angle);
      const double c = std::cos(angle.value), s = std::sin(angle.value);
      const Uncertain cosine = wave(c, s, angle, Function::cos), sine = wave(s, c, angle, Function::sin);
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
