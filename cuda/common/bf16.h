// SPDX-License-Identifier: Apache-2.0
// bfloat16 as kernels store it: the upper half of a float. Invariant: decoding is exact; encoding rounds once, to
// nearest even, and gives the same bits on GPU and CPU. Left to others: arithmetic (kernels compute in f32).
#pragma once
#include <cstdint>

#include "cuda/common/kernel.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

struct bf16 {
  uint16_t bits;
};

/// Exact; a NaN keeps its payload.
__host__ __device__ __forceinline__ float bits_to_f32(uint32_t bits) {
#if defined(__CUDA_ARCH__) || !defined(__CUDACC__)
  return __uint_as_float(bits);
#else
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
#endif
}

__host__ __device__ __forceinline__ uint32_t f32_to_bits(float value) {
#if defined(__CUDA_ARCH__) || !defined(__CUDACC__)
  return __float_as_uint(value);
#else
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
#endif
}

/// The float with the same value; exact, subnormals and NaN payloads kept.
__host__ __device__ __forceinline__ float to_f32(bf16 value) { return bits_to_f32(uint32_t(value.bits) << 16); }

/// So that code for either format can be written once.
__host__ __device__ __forceinline__ float to_f32(float value) { return value; }

/// Nearest bf16, ties to even; past the largest finite value an infinity; any NaN gives 0x7FFF, as CUDA's own
/// conversion does (PyTorch's host conversion gives 0x7FC0). Subnormals are rounded, never flushed.
__host__ __device__ __forceinline__ bf16 to_bf16(float value) {
#if defined(__CUDA_ARCH__)
  uint16_t rounded;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(rounded) : "f"(value));  // one instruction for what follows
  return {rounded};
#else
  const uint32_t bits = f32_to_bits(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return {uint16_t{0x7FFF}};
  return {uint16_t((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16)};
#endif
}

/// Four neighbours, 8-byte aligned, in one load.
__device__ __forceinline__ uint2 load_four(const bf16* four) { return *reinterpret_cast<const uint2*>(four); }

/// Their values.
__device__ __forceinline__ void unpack_four(uint2 four, float (&values)[4]) {
  values[0] = __uint_as_float(four.x << 16);
  values[1] = __uint_as_float(four.x & 0xFFFF0000u);
  values[2] = __uint_as_float(four.y << 16);
  values[3] = __uint_as_float(four.y & 0xFFFF0000u);
}

/// The same as they are stored.
__device__ __forceinline__ void unpack_four(uint2 four, bf16 (&values)[4]) {
  values[0] = {uint16_t(four.x)};
  values[1] = {uint16_t(four.x >> 16)};
  values[2] = {uint16_t(four.y)};
  values[3] = {uint16_t(four.y >> 16)};
}

/// Two bf16 in one 32-bit register as mma.h wants them: `low` is the element with the lower column (or row) index.
__host__ __device__ __forceinline__ uint32_t pack_bf16(bf16 low, bf16 high) {
  return uint32_t(low.bits) | uint32_t(high.bits) << 16;
}

/// What unpack_four takes apart.
__device__ __forceinline__ uint2 pack_four(const bf16 (&values)[4]) {
  return make_uint2(pack_bf16(values[0], values[1]), pack_bf16(values[2], values[3]));
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
