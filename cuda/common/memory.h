// SPDX-License-Identifier: Apache-2.0
// Memory that kernels read and write: device memory under CUDA, page-aligned host memory on the twin. Invariant: the
// bytes lie between two sentinel fences, so a write past either end is found by check_fences(); new memory is poisoned
// (NaN as f32 and as bf16), so a read of what nobody wrote shows. Left to others: streams (copies wait for the default
// stream).
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cuda/common/kernel.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Two poisons with different bits, NaN both as f32 and as a pair of bf16: what survives both runs was never written.
inline constexpr uint32_t kPoisonA = 0x7FA57FA5u;
inline constexpr uint32_t kPoisonB = 0xFFB6FFB6u;

inline constexpr size_t kFenceBytes = 4096;  // also keeps the data aligned to a page
inline constexpr std::byte kFence{0xFD};

/// Throws the BackendError for damage to a fence: `distance` bytes between the buffer and the nearest damaged one.
[[noreturn]] void fail_fence(const std::string& name, size_t bytes, bool after, size_t distance);

/// New buffers that are poisoned together: on a GPU a launch for each takes longer than what it fills. Who makes one
/// calls fill() before anything else writes to them.
class FillBatch {
 public:
  FillBatch() = default;
  FillBatch(const FillBatch&) = delete;
  FillBatch& operator=(const FillBatch&) = delete;

  void fill();
  bool empty() const { return ranges_.empty(); }

 private:
  friend class DeviceBuffer;
  struct Range {
    std::byte* base;
    size_t bytes;
  };
  std::vector<Range> ranges_;
};

class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  /// `bytes` may be 0. `name` appears in errors. Poisoned with kPoisonA. Throws BackendError if there is no memory.
  explicit DeviceBuffer(size_t bytes, std::string_view name = "buffer") : DeviceBuffer(bytes, name, nullptr) {}
  /// The same, poisoned with `later`, unless that is null.
  DeviceBuffer(size_t bytes, std::string_view name, FillBatch* later);
  ~DeviceBuffer();
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept;
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  size_t bytes() const { return bytes_; }
  const std::string& name() const { return name_; }
  bool empty() const { return bytes_ == 0; }

  /// The memory as T; 4096-byte aligned on the twin, 256 under CUDA. Null if empty.
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(data_);
  }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(data_);
  }

  /// Fills the memory (not the fences) with the 32-bit pattern, the last word cut off where the size asks for it.
  void poison(uint32_t pattern = kPoisonA);
  /// Copies to the start of the memory, or from it. Throws BackendError if `source` or `destination` is larger than the
  /// memory, or if an earlier kernel failed.
  void copy_from_host(std::span<const std::byte> source, size_t offset = 0);
  void copy_to_host(std::span<std::byte> destination, size_t offset = 0) const;
  /// Throws BackendError naming the buffer, the side and the first damaged byte if a fence was overwritten.
  void check_fences() const;
  /// The fences themselves, each of kFenceBytes times kFence, for who checks them on the device; null if empty.
  const std::byte* fence_before() const { return base_; }
  const std::byte* fence_after() const { return base_ == nullptr ? nullptr : data_ + bytes_; }

 private:
  std::byte* base_ = nullptr;  // start of the allocation: fence, data, fence
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
  std::string name_;
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
