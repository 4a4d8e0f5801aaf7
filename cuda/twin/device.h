// SPDX-License-Identifier: Apache-2.0
// The CUDA language for the host compiler: what a kernel file may use of it on the twin. A closed list on purpose: what
// is missing here has no declared bits on the CPU (atomics on floats, fast-math intrinsics, expf).
// Invariant: every operation gives the bits of the GPU. Left to others: who runs the threads (grid.h), arithmetic of
// the tensor core (mma_step.h).
#pragma once
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

#include "cuda/twin/vector_types.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
// One copy for each worker thread of the host; a block runs wholly on one worker. Poisoned at block start.
#define __shared__ thread_local

namespace plumbline::twin {

// Set by the scheduler at each switch. initial-exec: one load from the thread's own segment, from any library.
#define PLUMBLINE_TWIN_INDEX extern __thread __attribute__((tls_model("initial-exec")))
PLUMBLINE_TWIN_INDEX uint3 threadIdx;
PLUMBLINE_TWIN_INDEX uint3 blockIdx;
PLUMBLINE_TWIN_INDEX dim3 blockDim;
PLUMBLINE_TWIN_INDEX dim3 gridDim;
PLUMBLINE_TWIN_INDEX unsigned char* dynamic_shared_memory;
#undef PLUMBLINE_TWIN_INDEX

/// The block's dynamic shared memory (LaunchShape::shared_bytes), 128-byte aligned, the same address at every call.
template <class T>
T* dynamic_shared() {
  return reinterpret_cast<T*>(dynamic_shared_memory);
}

// Collectives. Each suspends the calling CUDA thread until its partners have arrived. Every one of them throws nothing:
// a thread that can never go on ends the launch with a BackendError naming kernel, block, threads and lines.
// `where` defaults to the caller's line.
using Where = std::source_location;

enum class ShuffleKind : uint8_t { index, up, down, butterfly };
/// The bits held by the lane that `kind`, `operand` and `width` name (the caller's own where CUDA says so).
uint64_t warp_shuffle(unsigned mask, uint64_t bits, ShuffleKind kind, unsigned operand, int width, Where where);
/// Bit i: lane i is in the mask and its predicate holds.
unsigned warp_ballot(unsigned mask, bool predicate, Where where);
void warp_barrier(unsigned mask, Where where);
void block_barrier(Where where);
/// One tensor-core step of the whole warp; fragments as in cuda/common/mma.h.
void warp_mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const float (&c)[4], Where where);

inline void __syncthreads(Where where = Where::current()) { block_barrier(where); }
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, Where where = Where::current()) { warp_barrier(mask, where); }

template <class T>
concept Shuffled = std::is_arithmetic_v<T> &&(sizeof(T) == 4 || sizeof(T) == 8);

template <Shuffled T>
T shuffle(unsigned mask, T value, ShuffleKind kind, unsigned operand, int width, Where where) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = warp_shuffle(mask, bits, kind, operand, width, where);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <Shuffled T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32, Where where = Where::current()) {
  return shuffle(mask, value, ShuffleKind::index, unsigned(lane), width, where);
}
template <Shuffled T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, Where where = Where::current()) {
  return shuffle(mask, value, ShuffleKind::up, delta, width, where);
}
template <Shuffled T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, Where where = Where::current()) {
  return shuffle(mask, value, ShuffleKind::down, delta, width, where);
}
template <Shuffled T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, Where where = Where::current()) {
  return shuffle(mask, value, ShuffleKind::butterfly, unsigned(lane_mask), width, where);
}
inline unsigned __ballot_sync(unsigned mask, bool predicate, Where where = Where::current()) {
  return warp_ballot(mask, predicate, where);
}
inline int __any_sync(unsigned mask, bool predicate, Where where = Where::current()) {
  return warp_ballot(mask, predicate, where) != 0;
}
inline int __all_sync(unsigned mask, bool predicate, Where where = Where::current()) {
  return warp_ballot(mask, !predicate, where) == 0;
}

// Single operations, rounded to nearest even. A NaN result is 0x7FFFFFFF whatever went in, as on the GPU (the host's
// own would keep a payload, or be 0xFFC00000).
__forceinline__ float __uint_as_float(uint32_t bits) { return std::bit_cast<float>(bits); }
__forceinline__ uint32_t __float_as_uint(float value) { return std::bit_cast<uint32_t>(value); }
__forceinline__ float __int_as_float(int bits) { return std::bit_cast<float>(bits); }
__forceinline__ int __float_as_int(float value) { return std::bit_cast<int>(value); }
__forceinline__ float canonical(float value) { return value == value ? value : __uint_as_float(0x7FFFFFFFu); }
__forceinline__ float __fadd_rn(float a, float b) { return canonical(a + b); }
__forceinline__ float __fsub_rn(float a, float b) { return canonical(a - b); }
__forceinline__ float __fmul_rn(float a, float b) { return canonical(a * b); }
__forceinline__ float __fdiv_rn(float a, float b) { return canonical(a / b); }
__forceinline__ float __fmaf_rn(float a, float b, float c) { return canonical(__builtin_fmaf(a, b, c)); }
__forceinline__ float __fsqrt_rn(float a) { return canonical(__builtin_sqrtf(a)); }

template <std::integral T>
constexpr T min(T a, T b) {
  return b < a ? b : a;
}
template <std::integral T>
constexpr T max(T a, T b) {
  return a < b ? b : a;
}
__forceinline__ int __popc(unsigned bits) { return std::popcount(bits); }
template <class T>
__forceinline__ T __ldg(const T* address) {
  return *address;
}

}  // namespace plumbline::twin
