// SPDX-License-Identifier: Apache-2.0
// The tensor-core step for 16 rows at a time, in the compiler's own vectors: the same source is compiled for several
// instruction sets (PLUMBLINE_LANES names the function), and mma_step.cpp picks one at run time. Invariant: the bits of
// mma_dot, which also takes what is rare: tiles with Inf or NaN, results below 2^-126.
// No standard-library code here: an inline function compiled for a newer CPU could be linked into the rest.
#include "cuda/twin/mma_step.h"

#ifndef PLUMBLINE_LANES
#define PLUMBLINE_LANES mma_step_lanes
#endif

namespace plumbline::twin {
namespace {

using I32 = int32_t __attribute__((vector_size(64)));
using U16 = uint16_t __attribute__((vector_size(32)));

template <class Vector>
inline __attribute__((always_inline)) Vector load(const void* address) {
  Vector vector;
  __builtin_memcpy(&vector, address, sizeof vector);
  return vector;
}

constexpr int kZeroExponent = -1000;  // so that a zero term never sets E and is shifted out
constexpr int kLowestExponent = -133;

// Bits of bf16 or f32 (shifted to 32 bits) as sign (0 or -1), exponent and significand.
struct Decoded {
  I32 sign, exponent, significand;
};

inline __attribute__((always_inline)) void decode(const I32& bits, int fraction_bits, Decoded& out, I32& special) {
  const I32 field = bits >> fraction_bits & 0xFF;
  const I32 fraction = bits & ((1 << fraction_bits) - 1);
  const I32 subnormal = field == 0;
  out.sign = -(bits >> (fraction_bits + 8) & 1);
  out.significand = fraction | (~subnormal & (1 << fraction_bits));
  out.exponent = (subnormal & 1) + field - 127;
  out.exponent = out.significand == 0 ? I32{} + kZeroExponent : out.exponent;
  special |= field == 0xFF;
}

inline __attribute__((always_inline)) bool any(const I32& mask) {
  int32_t joined = 0;
  for (int i = 0; i < 16; ++i) joined |= mask[i];
  return joined != 0;
}

// sum * 2^(exponent - 25) truncated toward zero to f32, sum being the exact integer products + c. Returns true where
// the result is too small for this way (below 2^-126).
inline __attribute__((always_inline)) bool truncate_rows(const int32_t* products, const int32_t* c,
                                                         const int32_t* exponent, float* d) {
  int64_t small = 0;
  for (int row = 0; row < 16; ++row) {
    const double sum = double(products[row]) + double(c[row]);  // exact: below 2^33; an exact zero is +0
    const int64_t kept = __builtin_bit_cast(int64_t, sum) & ~int64_t{0x1FFFFFFF};
    const int64_t scale = int64_t(exponent[row] - 25 + 1023) << 52;
    const double value = __builtin_bit_cast(double, kept) * __builtin_bit_cast(double, scale);
    small |= int64_t(__builtin_fabs(value) < 0x1p-126) & int64_t(value != 0.0);
    d[row] = float(value);  // exact, or at least 2^128: infinity
  }
  return small != 0;
}

}  // namespace

void PLUMBLINE_LANES(MmaTile& tile) {
  Decoded a[16];
  I32 special{};
  for (int k = 0; k < 16; ++k) {
    decode(__builtin_convertvector(load<U16>(tile.a[k]), I32), 7, a[k], special);
    a[k].significand <<= 11;  // a product of significands is then in units of 2^(its exponent - 25)
  }
  Decoded b[8];
  for (int column = 0; column < 8; ++column) {
    decode(__builtin_convertvector(load<U16>(tile.b[column]), I32), 7, b[column], special);
  }
  Decoded c[8];
  for (int column = 0; column < 8; ++column) decode(load<I32>(tile.c[column]), 23, c[column], special);
  if (any(special)) {
    mma_step_scalar(tile);
    return;
  }
  for (int column = 0; column < 8; ++column) {
    I32 largest = c[column].exponent > kLowestExponent ? c[column].exponent : I32{} + kLowestExponent;
    for (int k = 0; k < 16; ++k) {
      const I32 exponent = a[k].exponent + b[column].exponent[k];
      largest = exponent > largest ? exponent : largest;
    }
    I32 sum{};  // below 16 * 255 * 255 * 2^11 < 2^31
    for (int k = 0; k < 16; ++k) {
      I32 shift = largest - (a[k].exponent + b[column].exponent[k]);
      shift = shift > 31 ? I32{} + 31 : shift;
      const I32 kept = a[k].significand * b[column].significand[k] >> shift;
      const I32 sign = a[k].sign ^ b[column].sign[k];
      sum += (kept ^ sign) - sign;
    }
    I32 shift = largest - c[column].exponent;
    shift = shift > 31 ? I32{} + 31 : shift;
    const I32 addend = (((c[column].significand << 2) >> shift) ^ c[column].sign) - c[column].sign;
    alignas(64) int32_t sums[16], addends[16], exponents[16];
    __builtin_memcpy(sums, &sum, sizeof sums);
    __builtin_memcpy(addends, &addend, sizeof addends);
    __builtin_memcpy(exponents, &largest, sizeof exponents);
    if (truncate_rows(sums, addends, exponents, tile.d[column])) {
      for (int row = 0; row < 16; ++row) {
        tile.d[column][row] = mma_dot(&tile.a[0][row], 16, tile.b[column], tile.c[column][row]);
      }
    }
  }
}

}  // namespace plumbline::twin
