// SPDX-License-Identifier: Apache-2.0
// The rule of Hopper's tensor core for bf16, one output at a time, in integers: the plainest form, which the others are
// tested against. Source: Khattak and Mikaitis (arXiv 2512.07004) and MMA-Sim (arXiv 2511.10909) state the 17-term sum
// with 25 fractional bits and truncation. Compared with mma.sync on an H200 by tests/litmus/gpu_equality_test.cpp: no
// difference on any kind of input. Measured there: subnormal operands are not normalised, E is never below -133, a zero
// sum and a result cut to zero are +0, overflow gives Inf, NaN is 0x7FFFFFFF.
#include <bit>

#include "cuda/twin/mma_step.h"

namespace plumbline::twin {
namespace {

constexpr int kFractionBits = 25;
constexpr int kLowestExponent = -133;
constexpr uint32_t kNanBits = 0x7FFFFFFFu, kInfBits = 0x7F800000u;

// value = sign * significand * 2^(exponent - fraction bits of the format); significand 0 for zero.
struct Parts {
  bool negative, special, nan;  // special: Inf or NaN
  int exponent;
  int64_t significand;
};

Parts split(uint32_t bits, int fraction_bits) {
  const uint32_t fraction_mask = (1u << fraction_bits) - 1u;
  const uint32_t field = bits >> fraction_bits & 0xFFu, fraction = bits & fraction_mask;
  Parts parts;
  parts.negative = (bits >> (fraction_bits + 8) & 1u) != 0;
  parts.special = field == 0xFF;
  parts.nan = parts.special && fraction != 0;
  parts.exponent = field == 0 ? -126 : int(field) - 127;
  parts.significand = field == 0 ? fraction : fraction | (fraction_mask + 1u);
  return parts;
}

// A nonzero term: magnitude * 2^(exponent - 25), the leading bit at place 25 or (a product of at least 2) 26.
struct Term {
  bool negative;
  int exponent;
  int64_t magnitude;
};

// magnitude * 2^exponent, truncated toward zero.
float to_f32_truncated(bool negative, uint64_t magnitude, int exponent) {
  const int top = 63 - std::countl_zero(magnitude);
  const uint32_t sign = negative ? 0x80000000u : 0u;
  if (top + exponent > 127) return std::bit_cast<float>(sign | kInfBits);
  // Place of the last bit kept: 23 below the leading one, but not below the spacing of subnormals.
  const int last = top + exponent - 23 > -149 ? top + exponent - 23 : -149;
  const int shift = last - exponent;
  const uint64_t kept = shift <= 0 ? magnitude << -shift : shift > 63 ? 0 : magnitude >> shift;
  if (kept == 0) return 0.0f;  // +0, also where a negative sum is cut to nothing
  if (kept < 1u << 23) return std::bit_cast<float>(sign | uint32_t(kept));  // subnormal
  return std::bit_cast<float>(sign | uint32_t(last + 150) << 23 | (uint32_t(kept) & 0x7FFFFFu));
}

}  // namespace

float mma_dot(const uint16_t* a, int stride, const uint16_t* b, float c) {
  Term terms[17];
  int count = 0;
  bool nan = false, plus_inf = false, minus_inf = false;
  const auto note_inf = [&](bool negative) { (negative ? minus_inf : plus_inf) = true; };
  for (int k = 0; k < 16; ++k) {
    const Parts x = split(a[k * stride], 7), y = split(b[k], 7);
    const bool negative = x.negative != y.negative;
    const bool zero = (!x.special && x.significand == 0) || (!y.special && y.significand == 0);
    if (x.nan || y.nan || ((x.special || y.special) && zero)) {
      nan = true;
    } else if (x.special || y.special) {
      note_inf(negative);
    } else if (!zero) {
      terms[count++] = {negative, x.exponent + y.exponent, x.significand * y.significand << (kFractionBits - 14)};
    }
  }
  const Parts z = split(std::bit_cast<uint32_t>(c), 23);
  nan = nan || z.nan;
  if (z.special && !z.nan) note_inf(z.negative);
  if (!z.special && z.significand != 0)
    terms[count++] = {z.negative, z.exponent, z.significand << (kFractionBits - 23)};
  if (nan || (plus_inf && minus_inf)) return std::bit_cast<float>(kNanBits);
  if (plus_inf || minus_inf) return std::bit_cast<float>(minus_inf ? kInfBits | 0x80000000u : kInfBits);

  int largest = kLowestExponent;
  for (int i = 0; i < count; ++i) largest = terms[i].exponent > largest ? terms[i].exponent : largest;
  int64_t sum = 0;
  for (int i = 0; i < count; ++i) {
    const int shift = largest - terms[i].exponent;
    const int64_t kept = shift > 63 ? 0 : terms[i].magnitude >> shift;  // R1
    sum += terms[i].negative ? -kept : kept;
  }
  if (sum == 0) return 0.0f;
  return to_f32_truncated(sum < 0, uint64_t(sum < 0 ? -sum : sum), largest - kFractionBits);  // R2
}

void mma_step_scalar(MmaTile& tile) {
  for (int column = 0; column < 8; ++column) {
    for (int row = 0; row < 16; ++row) {
      tile.d[column][row] = mma_dot(&tile.a[0][row], 16, tile.b[column], tile.c[column][row]);
    }
  }
}

}  // namespace plumbline::twin
