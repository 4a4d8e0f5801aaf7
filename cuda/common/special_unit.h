// SPDX-License-Identifier: Apache-2.0
// Two functions of the GPU's special-function unit, bit for bit: on a GPU the instruction, on the CPU a model of it.
// Invariant: both give the same bits for all 2^32 inputs. Left to others: functions made of them (arithmetic.h).
// NUMERICS CONTRACT special_rsqrt/sm90, special_ex2/sm90
//   types    f32 in, f32 out; the model is integer arithmetic
//   order    A1 rsqrt: x = m 4^e, 1 <= m < 4, the result is f(m) 2^-e. ex2: |x| cut to 23 bits of fraction; a negative
//            one becomes its complement, so that x = n + m, 0 <= m < 1, the result is 2^n f(m)
//            A2 m's leading bits choose one of 64 pieces a binade, the other 17 are t: f = c0 + c1 t + c2 square(t)
//            A3 square(t) is the sum of the partial products t_i t_j of weight 2^19 and more; the lesser are not built
//   rounding R1 f is cut to 24 bits, after a constant (kRsqrtBias, kEx2Bias). No other rounding
//   special  NaN: 0x7FFFFFFF. rsqrt: +0 +Inf, -0 -Inf, +Inf +0, negative NaN, exactly 1 for even powers of 2,
//            subnormals as any other. ex2: whole x exact, x >= 128 +Inf, results below 2^-126 +0, subnormal x as 0
//   repeat   sm_90 (H100 and H200). Other GPUs have other tables
//   source   recorded on an H200 and fitted (special_unit_tables.h). The design is that of Oberman and Siu, "A
//            High-Performance Area-Efficient Multifunction Interpolator" (ARITH 2005)
//   checked  tests/litmus/special_unit_test.cpp: on a GPU against the instruction, on a CPU against recorded digests
#pragma once
#include <cstdint>

#include "cuda/common/kernel.h"
#include "cuda/common/math.h"
#include "cuda/common/special_unit_tables.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kPieceBits = 17;  ///< of the fraction within a piece
inline constexpr int64_t kRsqrtBias = -(int64_t{1} << 18), kEx2Bias = int64_t{6114} << 19;  ///< in 2^-34 last places

/// t^2 without the partial products below 2^19, for 0 <= t < 2^17.
__host__ __device__ __forceinline__ int64_t truncated_square(uint32_t t) {
  uint32_t dropped = 0;
  for (int i = 0; i < 10; ++i) {
    const uint32_t others = (t & ((1u << (18 - i)) - 1u)) >> (i + 1);  // t_j with i < j and i + j + 1 < 19
    dropped += (t >> i & 1u) * ((1u << 2 * i) + (others << (2 * i + 2)));
  }
  return int64_t(uint64_t(t) * t) - int64_t(dropped);
}

/// The 24 bits that a piece gives; `unit1` and `unit2` are what c1 and c2 count.
__host__ __device__ __forceinline__ uint32_t special_value(const SpecialPiece& piece, uint32_t t, int64_t bias,
                                                           int64_t unit1, int64_t unit2) {
  const int64_t sum = (int64_t(piece.c0) << 32) + bias + piece.c1 * unit1 * (int64_t(t) << kPieceBits) +
                      piece.c2 * unit2 * truncated_square(t);
  return uint32_t(sum >> 34);
}

/// The model of rsqrt over all inputs, as bits. `pieces` is kRsqrtPieces, or a copy of it on the GPU.
__host__ __device__ inline uint32_t modelled_rsqrt(uint32_t bits, const SpecialPiece* pieces) {
  uint32_t exponent = bits >> 23 & 0xFFu, mantissa = bits & 0x7FFFFFu;
  if (bits << 1 == 0) return bits | 0x7F800000u;
  if (bits >> 31 != 0 || (exponent == 255 && mantissa != 0)) return kCanonicalNan;
  if (exponent == 255) return 0;
  int power = int(exponent) - 127;
  if (exponent == 0) {
    power = -126;
    for (; (mantissa & 0x800000u) == 0; mantissa <<= 1) --power;
    mantissa &= 0x7FFFFFu;
  }
  const uint32_t odd = uint32_t(power) & 1u;
  const int half = (power - int(odd)) / 2;
  uint32_t value = 1u << 24;
  if (odd != 0 || mantissa != 0)
    value = special_value(pieces[odd * 64 + (mantissa >> kPieceBits)], mantissa & ((1u << kPieceBits) - 1u), kRsqrtBias,
                          2, 2);
  return (126u << 23) + (value - (1u << 23)) - (uint32_t(half) << 23);
}

/// The model of ex2 over all inputs, as bits. `pieces` is kEx2Pieces, or a copy of it on the GPU.
__host__ __device__ inline uint32_t modelled_ex2(uint32_t bits, const SpecialPiece* pieces) {
  const uint32_t exponent = bits >> 23 & 0xFFu, significand = (bits & 0x7FFFFFu) | 0x800000u;
  const bool negative = bits >> 31 != 0;
  if (exponent == 255 && (bits & 0x7FFFFFu) != 0) return kCanonicalNan;
  if (exponent >= 127 + 8) return negative ? 0u : 0x7F800000u;  // |x| >= 256
  // |x| in steps of 2^-23: the significand is that of 2^exponent.
  uint64_t steps = 0;
  if (exponent >= 127) steps = uint64_t(significand) << (exponent - 127);
  if (exponent < 127 && exponent >= 127 - 24) steps = significand >> (127 - exponent);
  int power = int(steps >> 23);
  uint32_t fraction = uint32_t(steps) & 0x7FFFFFu;
  if (negative && fraction != 0) {
    fraction ^= 0x7FFFFFu;
    power = -power - 1;
  } else if (negative) {
    power = -power;
  }
  uint32_t value = 1u << 23;
  if (!negative || steps << 41 != 0)
    value = special_value(pieces[fraction >> kPieceBits], fraction & ((1u << kPieceBits) - 1u), kEx2Bias, 4, 1);
  if (power >= 128) return 0x7F800000u;
  if (power < -126) return 0;
  return (uint32_t(power + 127) << 23) + (value - (1u << 23));
}

/// rsqrt.approx.f32.
__device__ __forceinline__ float special_rsqrt(float x) {
#if defined(__CUDACC__)
  float y;
  asm("rsqrt.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return __uint_as_float(modelled_rsqrt(__float_as_uint(x), kRsqrtPieces));
#endif
}

/// ex2.approx.ftz.f32.
__device__ __forceinline__ float special_ex2(float x) {
#if defined(__CUDACC__)
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return __uint_as_float(modelled_ex2(__float_as_uint(x), kEx2Pieces));
#endif
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
