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
  template <class Value>
  __device__ __forceinline__ void store(int, int64_t, const Value (&)[4]) const {}
  template <int kCount>
  __device__ __forceinline__ NoTap slots_from(int) const {
    return {};
  }
};

/// Stores into up to kSlots arrays in device memory; a null pointer means that nobody wants that slot. The type handed
/// to store must be the type of the slot's array: the op's header states it.
template <int kSlots>
struct RecordSlots {
  static constexpr bool kRecords = true;
  void* slots[kSlots] = {};

  __device__ __forceinline__ void store(int slot, int64_t index, float value) const {
    if (slots[slot] != nullptr) static_cast<float*>(slots[slot])[index] = value;
  }
  __device__ __forceinline__ void store(int slot, int64_t index, bf16 value) const {
    if (slots[slot] != nullptr) static_cast<bf16*>(slots[slot])[index] = value;
  }
  /// Four neighbours at once; `index`, the first one's, is a multiple of 4.
  __device__ __forceinline__ void store(int slot, int64_t index, const float (&values)[4]) const {
    if (slots[slot] == nullptr) return;
    *reinterpret_cast<float4*>(static_cast<float*>(slots[slot]) + index) =
        make_float4(values[0], values[1], values[2], values[3]);
  }
  __device__ __forceinline__ void store(int slot, int64_t index, const bf16 (&values)[4]) const {
    if (slots[slot] == nullptr) return;
    *reinterpret_cast<uint2*>(static_cast<bf16*>(slots[slot]) + index) = pack_four(values);
  }
  /// Slots first ... first + kCount - 1 as 0 ... kCount - 1: for a `first` that is known at run time only, since the
  /// pointers then come into registers once and not at every store.
  template <int kCount>
  __host__ __device__ __forceinline__ RecordSlots<kCount> slots_from(int first) const {
    RecordSlots<kCount> some;
    for (int i = 0; i < kCount; ++i) some.slots[i] = slots[first + i];
    return some;
  }
};

using RecordTap = RecordSlots<kMaxTapSlots>;

/// Calls `start` with the first kCount slots of what to record, or with NoTap for a null pointer: turns it into a type,
/// on the host. A kernel gets the slots that it has, no more: what it does not read delays its launch all the same.
template <int kCount, class Start>
void with_tap(const RecordTap* taps, const Start& start) {
  taps != nullptr ? start(taps->template slots_from<kCount>(0)) : start(NoTap{});
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
