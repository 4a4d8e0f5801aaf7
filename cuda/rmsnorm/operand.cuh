// SPDX-License-Identifier: Apache-2.0
// What a tensor core of another format makes of the operands of a product, as functions: TF32 reads the upper 19 bits
// of an f32 register, an f16 tile holds what a conversion to f16 leaves. Invariant: the result is a float that the
// format represents exactly; NaN stays NaN. Left to others: the sum, which stays an f32 chain (gemm/gemm_tile.cuh).
#pragma once
#include "cuda/common/bf16.h"
#include "cuda/rmsnorm/norm.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// The lower 13 bits cut off: towards zero. Infinities stay.
__device__ __forceinline__ float cut_to_tf32(float value) {
  const uint32_t bits = f32_to_bits(value);
  return (bits & 0x7FFFFFFFu) > 0x7F800000u ? value : bits_to_f32(bits & 0xFFFFE000u);
}

/// Nearest f16, ties to even, subnormals (steps of 2^-24) included; from 65520 an infinity.
__device__ __forceinline__ float round_to_f16(float value) {
  const uint32_t bits = f32_to_bits(value), sign = bits & 0x80000000u, size = bits & 0x7FFFFFFFu;
  if (size > 0x7F800000u) return value;
  if (size >= 0x477FF000u) return bits_to_f32(sign | 0x7F800000u);  // 65520, halfway to 2^16
  if (size >= 0x38800000u) return bits_to_f32((bits + 0xFFFu + ((bits >> 13) & 1u)) & 0xFFFFE000u);  // 2^-14
  const float shifted = __fadd_rn(bits_to_f32(size), 0.75f);  // there, one step of f32 is 2^-24
  return bits_to_f32(sign | f32_to_bits(__fadd_rn(shifted, -0.75f)));
}

template <Operands kOperands>
__device__ __forceinline__ float as_operand(float value) {
  if constexpr (kOperands == Operands::tf32) return cut_to_tf32(value);
  if constexpr (kOperands == Operands::f16) return round_to_f16(value);
  return value;
}

/// A bf16 value in TF32 or f16 is a bf16 value again: neither format has fewer bits of fraction where it is normal, and
/// a multiple of 2^-24 near it needs no more of them.
template <Operands kOperands>
__device__ __forceinline__ bf16 as_operand(bf16 value) {
  if constexpr (kOperands == Operands::f16) return to_bf16(round_to_f16(to_f32(value)));
  return value;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
