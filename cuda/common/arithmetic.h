// SPDX-License-Identifier: Apache-2.0
// Whose arithmetic a kernel follows: ours, or that of LibTorch on a Hopper GPU. Invariant: either gives the same bits
// on GPU and CPU. Left to others: orders of sums, which the host chooses by shape (pipeline/torch_orders.h). NUMERICS
// CONTRACT torch/sm90: expf, rsqrtf, as CUDA 13's device library computes them
//   types    f32 in and out
//   order    expf: A1 x log2(e) = n + f, n = floor(252 sat(x 0.00572498 + 0.5)) - 126   A2 2^f by special_ex2
//            A3 times 2^n
//   rounding R1 A1: one fma, cut to [0, 1]; one fma toward minus infinity (exact sum); f by two fma to nearest
//            R2 special_ex2/sm90   R3 A3 to nearest (exact, but for subnormal results)
//            rsqrtf: special_rsqrt/sm90, nothing added
//   special  expf: NaN 0x7FFFFFFF, from x = 88.8 +Inf, below -104 +0, subnormal results kept
//   repeat   sm_90 and the twin
//   source   PTX of expf and rsqrtf as nvcc 13.0 emits it; what at::exp, at::softmax, at::silu and at::rsqrt call
//   checked  tests/litmus/special_unit_test.cpp
#pragma once
#include <cmath>
#include <type_traits>

#include "cuda/common/kernel.h"
#include "cuda/common/math.h"
#include "cuda/common/special_unit.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

enum class Arithmetic : int {
  portable,    ///< math.h: the same bits on every GPU; our own orders of sums
  torch_sm90,  ///< every tap as LibTorch's eager ops on an H100 or H200
};

/// 12582913 + floor(252 part), for 0 <= part <= 1: an fma toward minus infinity, whose sum is exact.
__device__ __forceinline__ float shifted_floor(float part) {
#if defined(__CUDACC__)
  return __fmaf_rd(part, 252.0f, 12582913.0f);
#else
  return 12582913.0f + static_cast<float>(std::floor(double(part) * 252.0));
#endif
}

/// e^x as CUDA's expf.
__device__ __forceinline__ float exp_sm90(float x) {
  const float part = __fmaf_rn(x, 0x1.77313ap-8f, 0.5f);  // R1
  const float shifted = shifted_floor(!(part > 0.0f) ? 0.0f : part < 1.0f ? part : 1.0f);
  const float n = __fsub_rn(shifted, 12583039.0f);  // A1
  float f = __fmaf_rn(x, 0x1.715476p+0f, -n);
  f = __fmaf_rn(x, 0x1.4ae0c0p-26f, f);
  return __fmul_rn(special_ex2(f), __uint_as_float(__float_as_uint(shifted) << 23));  // A2 R2 A3 R3
}

template <Arithmetic kArithmetic>
__device__ __forceinline__ float exp_of(float x) {
  return kArithmetic == Arithmetic::torch_sm90 ? exp_sm90(x) : exp_f32(x);
}

template <Arithmetic kArithmetic>
__device__ __forceinline__ float rsqrt_of(float x) {
  return kArithmetic == Arithmetic::torch_sm90 ? special_rsqrt(x) : rsqrt_f32(x);
}

/// Calls `body` with std::integral_constant<Arithmetic, ...>: turns the value into a template argument, on the host.
template <class Body>
void with_arithmetic(Arithmetic arithmetic, const Body& body) {
  if (arithmetic == Arithmetic::torch_sm90) return body(std::integral_constant<Arithmetic, Arithmetic::torch_sm90>{});
  return body(std::integral_constant<Arithmetic, Arithmetic::portable>{});
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
