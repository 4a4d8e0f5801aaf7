// SPDX-License-Identifier: Apache-2.0
// Cosine and sine as CUDA's device library has them. Invariant and contract: torch_functions.h.
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "cuda/pipeline/torch_functions.h"

namespace plumbline {
namespace {

/// x - quadrant pi/2, about -pi/4 to pi/4.
struct Reduced {
  float rest;
  int quadrant;
};

constexpr float kLargeAngle = 105615.0f;

/// Bits 0 ... 191 of 2/pi behind the point, lowest word first.
constexpr std::array<uint32_t, 6> kTwoOverPi = {0x3C439041, 0xDB629599, 0xF534DDC0, 0xFC2757D1, 0x4E441529, 0xA2F9836E};

/// x 2/pi in fixed point: of the product only what stands around the point of a number of x's size.
Reduced reduce_large(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x), significand = bits << 8 | 0x80000000u;
  const uint32_t exponent = (bits >> 23 & 0xFFu) - 128u, word = exponent / 32, shift = exponent % 32;
  std::array<uint32_t, 7> product{};
  uint64_t carry = 0;
  for (size_t i = 0; i < kTwoOverPi.size(); ++i) {
    carry += uint64_t(kTwoOverPi.at(i)) * significand;
    product.at(i) = uint32_t(carry);
    carry >>= 32;
  }
  product[6] = uint32_t(carry);
  uint64_t turns = uint64_t(product.at(6 - word)) << 32 | product.at(5 - word);
  if (shift != 0) turns = turns << shift | product.at(4 - word) >> (32 - shift);
  const uint64_t fraction = turns << 2;
  const bool upper = fraction >> 63 != 0, negative = bits >> 31 != 0;
  const int quadrant = int(turns >> 62) + (upper ? 1 : 0);
  constexpr double kStep = 0x1.921fb54442d19p-64;  // pi/2 of 2^-64
  const auto rest = static_cast<float>(double(int64_t(upper ? ~fraction : fraction)) * kStep);
  return {upper != negative ? -rest : rest, negative ? -quadrant : quadrant};
}

/// A4.
Reduced reduce(float x) {
  if (std::isnan(x) || std::isinf(x)) return {std::numeric_limits<float>::quiet_NaN(), 0};
  if (std::fabs(x) >= kLargeAngle) return reduce_large(x);
  const int quadrant = int(std::nearbyint(x * 0x1.45f306p-1f));
  const auto turns = static_cast<float>(quadrant);  // never -0, which would turn sin(-0) into +0
  float rest = std::fma(turns, -0x1.921fb4p+0f, x);
  rest = std::fma(turns, -0x1.4442d0p-24f, rest);
  rest = std::fma(turns, -0x1.84698ap-48f, rest);
  return {rest, quadrant};
}

/// A5: the sine of rest + quadrant pi/2.
float turned_sine(float rest, int quadrant) {
  if (std::isnan(rest)) return std::bit_cast<float>(0x7FFFFFFFu);
  const bool even = quadrant % 2 == 0;
  const float square = rest * rest, first = even ? rest : 1.0f;
  float t = even ? -0x1.9a82a6p-13f : std::fma(0x1.9758p-16f, square, -0x1.6c0fdap-10f);
  t = std::fma(t, square, even ? 0x1.110bc8p-7f : 0x1.555576p-5f);
  t = std::fma(t, square, even ? -0x1.55555p-3f : -0x1.fffffep-2f);
  const float y = std::fma(t, std::fma(square, first, 0.0f), first);
  return (quadrant & 2) != 0 ? std::fma(y, -1.0f, 0.0f) : y;
}

}  // namespace

float cuda_cos(float x) {
  const Reduced angle = reduce(x);
  return turned_sine(angle.rest, angle.quadrant + 1);
}

float cuda_sin(float x) {
  const Reduced angle = reduce(x);
  return turned_sine(angle.rest, angle.quadrant);
}

}  // namespace plumbline
