// SPDX-License-Identifier: Apache-2.0
// DeviceBuffer for both builds: they differ only in where the bytes come from and how they are filled and copied. Under
// CUDA freed memory is kept for the next buffer of its size, since cudaMalloc and cudaFree stop the GPU.
#include "cuda/common/memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <plumbline/error.h>

#include "cuda/common/gpu.h"
#if !defined(__CUDACC__)
#include "cuda/twin/buffers.h"
#endif

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

#if defined(__CUDACC__)

void check(cudaError_t error, const std::string& what) {
  if (error != cudaSuccess) fail_operation(error, what);
}

/// Memory that was released, by size. Never destroyed: buffers may outlive everything static.
struct FreeMemory {
  std::mutex mutex;
  std::unordered_map<size_t, std::vector<void*>> pieces;

  void* take(size_t bytes) {
    const std::lock_guard lock(mutex);
    const auto found = pieces.find(bytes);
    if (found == pieces.end() || found->second.empty()) return nullptr;
    void* memory = found->second.back();
    found->second.pop_back();
    return memory;
  }
  void keep(void* memory, size_t bytes) {
    const std::lock_guard lock(mutex);
    pieces[bytes].push_back(memory);
  }
  void give_back() {
    const std::lock_guard lock(mutex);
    for (const auto& [bytes, all] : pieces) {
      for (void* memory : all) cudaFree(memory);
    }
    pieces.clear();
  }
};

FreeMemory& free_memory() {
  static auto* const memory = new FreeMemory;
  return *memory;
}

std::byte* allocate(size_t bytes, const std::string& name) {
  void* memory = free_memory().take(bytes);
  if (memory != nullptr) return static_cast<std::byte*>(memory);
  cudaError_t error = cudaMalloc(&memory, bytes);
  if (error == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    free_memory().give_back();
    error = cudaMalloc(&memory, bytes);
  }
  if (error != cudaSuccess) fail_allocation(error, bytes, name);
  return static_cast<std::byte*>(memory);
}
void release(std::byte* memory, size_t bytes) { free_memory().keep(memory, bytes); }

/// Byte `at` of a buffer with its fences.
__device__ uint32_t filled_byte(size_t at, size_t bytes, uint32_t pattern) {
  if (at < kFenceBytes || at >= kFenceBytes + bytes) return uint32_t(kFence);
  return pattern >> (at % 4 * 8) & 0xFFu;
}

/// Bytes first ... last - 1 of a buffer with its fences; `base` and `first` are multiples of 4.
struct Fill {
  std::byte* base;
  size_t bytes, first, last;
};

constexpr int kMostFills = 32;

/// Of one launch: a row of blocks each.
struct Fills {
  Fill fills[kMostFills];
};

__global__ void fill_kernel(Fills all, uint32_t pattern) {
  const Fill fill = all.fills[blockIdx.y];
  const size_t step = size_t(gridDim.x) * blockDim.x * 4;
  for (size_t at = fill.first + (size_t(blockIdx.x) * blockDim.x + threadIdx.x) * 4; at < fill.last; at += step) {
    uint32_t word = pattern;
    if (at < kFenceBytes || at + 4 > kFenceBytes + fill.bytes) {
      word = 0;
      for (size_t i = 0; i < 4; ++i) word |= filled_byte(at + i, fill.bytes, pattern) << (i * 8);
    }
    if (at + 4 <= fill.last) {
      *reinterpret_cast<uint32_t*>(fill.base + at) = word;
    } else {
      for (size_t i = 0; at + i < fill.last; ++i) fill.base[at + i] = std::byte(word >> (i * 8) & 0xFFu);
    }
  }
}

void launch_fills(const Fills& fills, int count, uint32_t pattern, const std::string& name) {
  size_t longest = 0;
  for (int i = 0; i < count; ++i) longest = std::max(longest, fills.fills[i].last - fills.fills[i].first);
  const dim3 grid(unsigned(std::min<size_t>(1024, longest / 4096 + 1)), unsigned(count));
  fill_kernel<<<grid, 256>>>(fills, pattern);
  check(cudaGetLastError(), "filling '" + name + "'");
}
void prepare(std::byte* base, size_t bytes, const std::string& name) {
  launch_fills({{{base, bytes, 0, bytes + 2 * kFenceBytes}}}, 1, kPoisonA, name);
}
template <class Ranges>
void prepare_all(const Ranges& ranges) {
  Fills fills{};
  int count = 0;
  for (const auto& range : ranges) {
    fills.fills[count++] = {range.base, range.bytes, 0, range.bytes + 2 * kFenceBytes};
    if (count == kMostFills) launch_fills(fills, std::exchange(count, 0), kPoisonA, "buffers");
  }
  if (count > 0) launch_fills(fills, count, kPoisonA, "buffers");
}
void fill(std::byte* base, size_t bytes, uint32_t pattern, const std::string& name) {
  launch_fills({{{base, bytes, kFenceBytes, kFenceBytes + bytes}}}, 1, pattern, name);
}

// Either side may be device memory.
void copy(std::byte* destination, const std::byte* source, size_t bytes, const std::string& name) {
  check(cudaMemcpy(destination, source, bytes, cudaMemcpyDefault), "copying '" + name + "'");
}

constexpr size_t kMostPitch = 1u << 30;

/// Both fences, one behind the other.
void copy_fences(const std::byte* base, size_t bytes, std::byte* fences, const std::string& name) {
  if (bytes > kMostPitch) {
    copy(fences, base, kFenceBytes, name);
    return copy(fences + kFenceBytes, base + kFenceBytes + bytes, kFenceBytes, name);
  }
  check(cudaMemcpy2D(fences, kFenceBytes, base, kFenceBytes + bytes, kFenceBytes, 2, cudaMemcpyDeviceToHost),
        "copying the fences of '" + name + "'");
}
void announce(std::byte*, size_t, const std::string&) {}
void withdraw(std::byte*) {}

#else

std::byte* allocate(size_t bytes, const std::string& name) {
  const size_t rounded = (bytes + kFenceBytes - 1) / kFenceBytes * kFenceBytes;
  void* memory = std::aligned_alloc(kFenceBytes, rounded);
  if (memory == nullptr) {
    throw BackendError("allocating " + std::to_string(bytes) + " bytes for '" + name + "': no memory", {},
                       "use fewer tokens or a smaller model");
  }
  return static_cast<std::byte*>(memory);
}
void release(std::byte* memory, size_t) { std::free(memory); }
void copy(std::byte* destination, const std::byte* source, size_t bytes, const std::string&) {
  std::copy_n(source, bytes, destination);
}
void fill(std::byte* base, size_t bytes, uint32_t pattern, const std::string&) {
  const size_t words = bytes / sizeof pattern;
  std::fill_n(reinterpret_cast<uint32_t*>(base + kFenceBytes), words, pattern);
  std::memcpy(base + kFenceBytes + words * sizeof pattern, &pattern, bytes % sizeof pattern);
}
void prepare(std::byte* base, size_t bytes, const std::string& name) {
  std::fill_n(base, kFenceBytes, kFence);
  std::fill_n(base + kFenceBytes + bytes, kFenceBytes, kFence);
  fill(base, bytes, kPoisonA, name);
}
template <class Ranges>
void prepare_all(const Ranges& ranges) {
  for (const auto& range : ranges) prepare(range.base, range.bytes, "");
}
void copy_fences(const std::byte* base, size_t bytes, std::byte* fences, const std::string&) {
  std::copy_n(base, kFenceBytes, fences);
  std::copy_n(base + kFenceBytes + bytes, kFenceBytes, fences + kFenceBytes);
}
void announce(std::byte* data, size_t bytes, const std::string& name) { register_buffer({{data, bytes}, name}); }
void withdraw(std::byte* data) { forget_buffer(data); }

#endif

void check_range(size_t offset, size_t wanted, size_t held, const std::string& name) {
  if (offset <= held && wanted <= held - offset) return;
  throw BackendError("copying '" + name + "': outside the buffer",
                     {"bytes " + std::to_string(offset) + " to " + std::to_string(offset + wanted),
                      "holds " + std::to_string(held) + " bytes"},
                     "size the buffer by the tensor's shape");
}

}  // namespace

void fail_fence(const std::string& name, size_t bytes, bool after, size_t distance) {
  throw BackendError(
      "a kernel wrote outside buffer '" + name + "'",
      {after ? std::to_string(distance) + " bytes past its end"
             : std::to_string(distance + 1) + " bytes before its start",
       "it holds " + std::to_string(bytes) + " bytes"},
      "check the kernel's bounds at ragged edges; the address sanitizer preset on the twin names the line");
}

void FillBatch::fill() { prepare_all(std::exchange(ranges_, {})); }

DeviceBuffer::DeviceBuffer(size_t bytes, std::string_view name, FillBatch* later) : bytes_(bytes), name_(name) {
  if (bytes == 0) return;
  base_ = allocate(bytes + 2 * kFenceBytes, name_);
  data_ = base_ + kFenceBytes;
  if (later != nullptr) {
    later->ranges_.push_back({base_, bytes_});
  } else {
    prepare(base_, bytes_, name_);
  }
  announce(data_, bytes_, name_);
}

DeviceBuffer::~DeviceBuffer() {
  if (base_ == nullptr) return;
  withdraw(data_);
  release(base_, bytes_ + 2 * kFenceBytes);
}

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      name_(std::move(other.name_)) {}

DeviceBuffer& DeviceBuffer::operator=(DeviceBuffer&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(name_, other.name_);
  return *this;
}

void DeviceBuffer::poison(uint32_t pattern) {
  if (base_ != nullptr) fill(base_, bytes_, pattern, name_);
}

void DeviceBuffer::copy_from_host(std::span<const std::byte> source, size_t offset) {
  check_range(offset, source.size(), bytes_, name_);
  if (!source.empty()) copy(data_ + offset, source.data(), source.size(), name_);
}

void DeviceBuffer::copy_to_host(std::span<std::byte> destination, size_t offset) const {
  check_range(offset, destination.size(), bytes_, name_);
  if (!destination.empty()) copy(destination.data(), data_ + offset, destination.size(), name_);
}

void DeviceBuffer::check_fences() const {
  if (base_ == nullptr) return;
  std::vector<std::byte> fences(2 * kFenceBytes);
  copy_fences(base_, bytes_, fences.data(), name_);
  // Nearest damage first: an overrun starts at the edge.
  for (size_t i = 0; i < kFenceBytes; ++i) {
    const bool after = fences[kFenceBytes + i] != kFence;
    if (!after && fences[kFenceBytes - 1 - i] == kFence) continue;
    fail_fence(name_, bytes_, after, i);
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
