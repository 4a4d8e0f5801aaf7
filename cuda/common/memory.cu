// SPDX-License-Identifier: Apache-2.0
// DeviceBuffer for both builds: they differ only in where the bytes come from and how they are copied.
#include "cuda/common/memory.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include <plumbline/error.h>
#if !defined(__CUDACC__)
#include "cuda/twin/buffers.h"
#endif

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

constexpr size_t kFenceBytes = 4096;  // also keeps the data aligned to a page
constexpr std::byte kFence{0xFD};

#if defined(__CUDACC__)

void check(cudaError_t error, const std::string& what) {
  if (error == cudaSuccess) return;
  throw BackendError(what + ": " + cudaGetErrorString(error), {},
                     "an error of an earlier kernel may surface here: run with CUDA_LAUNCH_BLOCKING=1");
}

std::byte* allocate(size_t bytes, const std::string& name) {
  void* memory = nullptr;
  check(cudaMalloc(&memory, bytes), "allocating " + std::to_string(bytes) + " bytes of GPU memory for '" + name + "'");
  return static_cast<std::byte*>(memory);
}
void release(std::byte* memory) { cudaFree(memory); }
// Either side may be device memory.
void copy(std::byte* destination, const std::byte* source, size_t bytes, const std::string& name) {
  check(cudaMemcpy(destination, source, bytes, cudaMemcpyDefault), "copying '" + name + "'");
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
void release(std::byte* memory) { std::free(memory); }
void copy(std::byte* destination, const std::byte* source, size_t bytes, const std::string&) {
  std::copy_n(source, bytes, destination);
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

DeviceBuffer::DeviceBuffer(size_t bytes, std::string_view name) : bytes_(bytes), name_(name) {
  if (bytes == 0) return;
  base_ = allocate(bytes + 2 * kFenceBytes, name_);
  data_ = base_ + kFenceBytes;
  const std::vector<std::byte> fence(kFenceBytes, kFence);
  copy(base_, fence.data(), kFenceBytes, name_);
  copy(data_ + bytes_, fence.data(), kFenceBytes, name_);
  announce(data_, bytes_, name_);
  poison();
}

DeviceBuffer::~DeviceBuffer() {
  if (base_ == nullptr) return;
  withdraw(data_);
  release(base_);
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
  constexpr size_t kChunkWords = 64 * 1024;
  const std::vector<uint32_t> words(std::min(kChunkWords, bytes_ / sizeof(uint32_t) + 1), pattern);
  const auto* source = reinterpret_cast<const std::byte*>(words.data());
  const size_t chunk = words.size() * sizeof(uint32_t);
  for (size_t done = 0; done < bytes_; done += chunk) copy(data_ + done, source, std::min(chunk, bytes_ - done), name_);
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
  copy(fences.data(), base_, kFenceBytes, name_);
  copy(fences.data() + kFenceBytes, data_ + bytes_, kFenceBytes, name_);
  // Nearest damage first: an overrun starts at the edge.
  for (size_t i = 0; i < kFenceBytes; ++i) {
    const bool after = fences[kFenceBytes + i] != kFence;
    if (!after && fences[kFenceBytes - 1 - i] == kFence) continue;
    throw BackendError(
        "a kernel wrote outside buffer '" + name_ + "'",
        {after ? std::to_string(i) + " bytes past its end" : std::to_string(i + 1) + " bytes before its start",
         "it holds " + std::to_string(bytes_) + " bytes"},
        "check the kernel's bounds at ragged edges; the address sanitizer preset on the twin names the line");
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
