// SPDX-License-Identifier: Apache-2.0
// A value through a narrower binary format: what it holds after it was stored there. Invariant: to nearest even, by
// exact steps of f32. Left to others: bf16, which kernels store (bf16.h).
#pragma once
#include <cmath>

#include "cuda/common/kernel.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Through a format with `bits` of fraction and least normal exponent `lowest`; past `largest` it becomes `beyond`,
/// with the value's sign. NaN stays.
__device__ __forceinline__ float through_format(float value, int bits, int lowest, float largest, float beyond) {
  if (value != value) return value;
  const uint32_t sign = __float_as_uint(value) & 0x80000000u;
  const float size = __uint_as_float(__float_as_uint(value) & 0x7FFFFFFFu);
  const int own = int(__float_as_uint(size) >> 23) - 127, exponent = own < lowest ? lowest : own;
  float rounded = size;
  if (exponent - bits >= -126 && exponent <= 120) {
    const float step = __uint_as_float(uint32_t(exponent - bits + 127) << 23);
    rounded = __fmul_rn(rintf(__fdiv_rn(size, step)), step);
  }
  if (rounded > largest) rounded = beyond;
  return __uint_as_float(__float_as_uint(rounded) | sign);
}

/// IEEE half: overflow gives infinity.
__device__ __forceinline__ float through_f16(float value) {
  return through_format(value, 10, -14, 65504.0f, __uint_as_float(0x7F800000u));
}

/// e4m3 without infinities: it saturates.
__device__ __forceinline__ float through_e4m3(float value) { return through_format(value, 3, -6, 448.0f, 448.0f); }

}  // namespace plumbline::PLUMBLINE_BUILD_NS
