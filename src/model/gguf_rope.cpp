// SPDX-License-Identifier: Apache-2.0
#include "model/gguf_rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace plumbline {
namespace {

constexpr double kClose = 1e-5;  // the converter computes in f32
constexpr int kShortest = 6, kLongest = 20;

/// What the pair's frequency is divided by: transformers' llama3 rule, as a factor (modeling_rope_utils).
double divisor(const RopeScaling& scaling, double theta, size_t pair, size_t pairs) {
  const double frequency = 1.0 / std::pow(theta, static_cast<double>(pair) / static_cast<double>(pairs));
  const double turns = scaling.original_positions * frequency / (2.0 * std::numbers::pi);
  if (turns > scaling.high_freq_factor) return 1.0;
  if (turns < scaling.low_freq_factor) return scaling.factor;
  const double smooth = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  return 1.0 / ((1.0 - smooth) / scaling.factor + smooth);
}

bool gives(const RopeScaling& scaling, double theta, std::span<const float> factors) {
  for (size_t pair = 0; pair < factors.size(); ++pair) {
    const double stored = factors[pair], computed = divisor(scaling, theta, pair, factors.size());
    if (!(std::abs(stored - computed) <= kClose * computed)) return false;
  }
  return true;
}

}  // namespace

std::optional<RopeScaling> scaling_of_factors(std::span<const float> factors, double theta) {
  if (factors.empty()) return std::nullopt;
  const double factor = *std::max_element(factors.begin(), factors.end());
  if (!std::isfinite(factor) || factor <= 1.0) return std::nullopt;
  std::optional<RopeScaling> found;
  for (int power = kShortest; power <= kLongest; ++power) {
    const RopeScaling tried{factor, 1.0, 4.0, std::ldexp(1.0, power)};
    if (!gives(tried, theta, factors)) continue;
    if (found) return std::nullopt;
    found = tried;
  }
  return found;
}

}  // namespace plumbline
