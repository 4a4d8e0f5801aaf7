// SPDX-License-Identifier: Apache-2.0
// The elementary functions of our kernels. Invariant: built from correctly rounded single operations only, so GPU and
// CPU give the same bits (the GPU's own expf and rsqrtf use its special-function unit, which no CPU has).
// Left to others: reductions (reduce.h), conversions (bf16.h).
#pragma once
#include <cstdint>

#include "cuda/common/bf16.h"
#include "cuda/common/kernel.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// The one NaN that NVIDIA GPUs compute; the twin's arithmetic gives it too.
inline constexpr uint32_t kCanonicalNan = 0x7FFFFFFFu;

// e^x.
// NUMERICS CONTRACT exp_f32/v1
//   types    f32 in, f32 out, all arithmetic f32
//   order    A1 x = n ln2 + r, |r| <= 0.3466, n to nearest   A2 e^r = 1 + r + r^2 q(r), q of degree 4 by Horner,
//            1 + r kept in two parts
//            A3 times 2^n in two steps of half the exponent each
//   rounding R1 n by fma with 1.5 * 2^23   R2 r by two fma (ln2 in two parts)   R3 one fma per coefficient   R4 1 + r
//            R5 r * r   R6 fma   R7 the sum   R8 scaling (exact, but for results below 2^-126: one rounding)
//   special  NaN: 0x7FFFFFFF. x > 88.7228317: +Inf. x < -103.972084: +0. -Inf: +0. +-0: 1. Subnormal results are kept
//   repeat   the same bits on every GPU and CPU; void if the compiler may contract (it may not: --fmad=false)
//   source   our choice (a weighted minimax fit, relative error 2^-28.2). torch uses expf: up to 2 ulp away
//   checked  tests/litmus/exp_f32_test.cpp: below 0.9 ulp over a dense sweep of bit patterns
__device__ __forceinline__ float exp_f32(float x) {
  if (x != x) return __uint_as_float(kCanonicalNan);
  if (x > 0x1.62e42ep6f) return __uint_as_float(0x7F800000u);
  if (x < -0x1.9fe36ap6f) return 0.0f;
  const float shifted = __fmaf_rn(x, 0x1.715476p+0f, 12582912.0f);  // A1 R1
  const float n = __fsub_rn(shifted, 12582912.0f);
  float r = __fmaf_rn(n, -0x1.62e400p-1f, x);  // R2
  r = __fmaf_rn(n, -0x1.7f7d1cp-20f, r);       // R2
  float q = 0x1.6a5072p-10f;                   // A2 R3
  q = __fmaf_rn(q, r, 0x1.123978p-7f);
  q = __fmaf_rn(q, r, 0x1.5558acp-5f);
  q = __fmaf_rn(q, r, 0x1.555492p-3f);
  q = __fmaf_rn(q, r, 0x1.fffffcp-2f);
  const float high = __fadd_rn(1.0f, r);                  // R4
  const float low = __fadd_rn(__fsub_rn(1.0f, high), r);  // exact: what R4 cut off
  const float tail = __fmaf_rn(__fmul_rn(r, r), q, low);  // R5 R6
  const float mantissa = __fadd_rn(high, tail);           // R7
  const int exponent = int(n);
  const int half = exponent >> 1;
  const float scale_a = __uint_as_float(uint32_t(half + 127) << 23);
  const float scale_b = __uint_as_float(uint32_t(exponent - half + 127) << 23);
  return __fmul_rn(__fmul_rn(mantissa, scale_a), scale_b);  // A3 R8
}

/// 1 / sqrt(x), each of the two operations rounded to nearest even. +0: +Inf, -0: -Inf, +Inf: +0, negative or NaN:
/// 0x7FFFFFFF. Within 1.5 ulp of the exact value; torch.rsqrt (special-function unit) differs from it in about a fifth.
__device__ __forceinline__ float rsqrt_f32(float x) { return __fdiv_rn(1.0f, __fsqrt_rn(x)); }

/// The larger value; NaN (0x7FFFFFFF) if either is NaN, +0 above -0. Commutative and associative in its bits, so that a
/// maximum over a row does not depend on the order.
__device__ __forceinline__ float max_f32(float a, float b) {
#if defined(__CUDA_ARCH__)
  float larger;
  asm("max.NaN.f32 %0, %1, %2;\n" : "=f"(larger) : "f"(a), "f"(b));
  return larger;
#else
  if (a != a || b != b) return __uint_as_float(kCanonicalNan);
  if (a == b) return __uint_as_float(__float_as_uint(a) & __float_as_uint(b));
  return a > b ? a : b;
#endif
}

// tanh x = 1 - 2 / (e^2x + 1).
// NUMERICS CONTRACT tanh_f32/v2
//   types    f32 in, f32 out
//   order    |x| below 0.55: x times a polynomial in x^2, its Taylor series up to x^19, by FMAs from the highest term
//            down; else 2|x|, exp_f32, + 1, 2 / that, 1 - that, with the sign of x
//   rounding each step to nearest, FMAs once
//   special  NaN: NaN. +-0: +-0. +-Inf and |x| > 44.4: +-1
//   repeat   the same bits on every GPU and CPU, which tanhf does not give
//   source   our choice; within 3 ulp of tanh     checked  tests/kernel/elementwise, tests/kernel/faults
__device__ __forceinline__ float tanh_f32(float x) {
  const uint32_t sign = __float_as_uint(x) & 0x80000000u;
  const float size = __uint_as_float(__float_as_uint(x) & 0x7FFFFFFFu);
  float value = 0.0f;
  if (size < 0.55f) {
    const float terms[] = {-0.00023912911f, 0.00059002744f, -0.0014558344f, 0.0035921281f, -0.0088632355f,
                           0.021869488f,    -0.053968254f,  0.13333334f,    -0.33333334f};
    const float square = __fmul_rn(x, x);
    float sum = terms[0];
    for (int i = 1; i < 9; ++i) sum = __fmaf_rn(sum, square, terms[i]);
    value = __fmaf_rn(__fmul_rn(sum, square), size, size);
  } else {
    value = __fsub_rn(1.0f, __fdiv_rn(2.0f, __fadd_rn(exp_f32(__fmul_rn(2.0f, size)), 1.0f)));
  }
  return __uint_as_float(__float_as_uint(value) | sign);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
