// SPDX-License-Identifier: Apache-2.0
// The tap policy of kernels: a template parameter that either compiles to nothing or stores values that never leave the
// kernel otherwise. Invariant: a tap reads, it never feeds back, so outputs are the same bits with and without.
// Left to others: what a slot means (each op's header lists its slots), where the values go (the pipeline).
#pragma once
#include <cstdint>

#include "cuda/common/bf16.h"
#include "cuda/common/kernel.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kMaxTapSlots = 32;

/// Records nothing and costs nothing.
struct NoTap {
  static constexpr bool kRecords = false;
  __device__ __forceinline__ void store(int, int64_t, float) const {}
  __device__ __forceinline__ void store(int, int64_t, bf16) const {}
};

/// Stores into up to kMaxTapSlots arrays in device memory; a null pointer means that nobody wants that slot. The type
/// handed to store must be the type of the slot's array: the op's header states it.
struct RecordTap {
  static constexpr bool kRecords = true;
  void* slots[kMaxTapSlots] = {};

  __device__ __forceinline__ void store(int slot, int64_t index, float value) const {
    if (slots[slot] != nullptr) static_cast<float*>(slots[slot])[index] = value;
  }
  __device__ __forceinline__ void store(int slot, int64_t index, bf16 value) const {
    if (slots[slot] != nullptr) static_cast<bf16*>(slots[slot])[index] = value;
  }
};

/// Calls `start` with what to record, or with NoTap for a null pointer: turns it into a type, on the host.
template <class Start>
void with_tap(const RecordTap* taps, const Start& start) {
  taps != nullptr ? start(*taps) : start(NoTap{});
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
