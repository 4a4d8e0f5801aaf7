// SPDX-License-Identifier: Apache-2.0
// One tensor-core step: d = a b + c over a 16x8 tile and 16 values of k, bf16 in, f32 accumulated, by inline PTX (as in
// special_unit.h, async_copy.h, dependent_launch.h). Invariant: the twin gives the bits of a Hopper GPU (sm_90). Left
// to others: loading the fragments. NUMERICS CONTRACT mma_m16n8k16/sm90
//   types    a, b bf16; c, d f32
//   order    A1 the 16 exact products and c are added at once, as integers; longer k is a chain, d being the next c
//   rounding R1 E = largest exponent of the nonzero terms (ea + eb, not renormalised, and ec), at least -133; each term
//            is truncated toward zero to a multiple of 2^(E - 25)   R2 the sum is truncated toward zero to f32
//   special  subnormal operands enter with exponent -126, not normalised; subnormal results are kept; a zero result is
//            +0; past f32's range: Inf; NaN in any operand, 0 * Inf or Inf - Inf: 0x7FFFFFFF
//   repeat   sm_90 only: sm_80 adds k in two halves with F = 24
//   source   measured on an H200 (cuda/twin/mma_scalar.cpp); the fragment layout is PTX's
//   checked  tests/litmus/tensor_core_*_test.cpp, tests/litmus/gpu_equality_test.cpp
#pragma once
#include <cstdint>

#include "cuda/common/kernel.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Fragments (PTX ISA, mma.m16n8k16): with group = lane / 4 and pair = 2 * (lane % 4),
///   a[0] = A[group][pair, pair+1]   a[1] = A[group+8][pair, pair+1]   a[2], a[3] = the same rows at k + 8
///   b[0] = B[pair, pair+1][group]   b[1] = the same at k + 8           (the lower index in the lower 16 bits)
///   c, d[0, 1] = D[group][pair, pair+1]                                c, d[2, 3] = D[group+8][pair, pair+1]
/// All 32 lanes of the warp must call it together. `d` and `c` may be the same array.
__device__ __forceinline__ void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                                             const float (&c)[4] PLUMBLINE_WHERE_PARAM) {
#if defined(__CUDACC__)
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%10,%11,%12,%13};\n"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]), "f"(c[2]), "f"(c[3]));
#else
  warp_mma_m16n8k16(d, a, b, c PLUMBLINE_WHERE_ARG);
#endif
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
