// SPDX-License-Identifier: Apache-2.0
// Host memory that a GPU copies to without waiting: pinned under CUDA, ordinary pages on the twin. Invariant: it stays
// where it is until it goes. Left to others: who uses which part (byte_ring.h).
#pragma once
#include <cstddef>
#include <cstdlib>
#include <span>
#include <string>

#include <plumbline/error.h>

#include "cuda/common/kernel.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

class PinnedMemory {
 public:
  /// Rounded up to whole pages. Throws BackendError if there is not so much.
  explicit PinnedMemory(size_t bytes) : bytes_((bytes + kPage - 1) / kPage * kPage) {
    if (bytes_ == 0) return;
#if defined(__CUDACC__)
    void* memory = nullptr;
    if (const cudaError_t error = cudaHostAlloc(&memory, bytes_, cudaHostAllocDefault); error != cudaSuccess) {
      cudaGetLastError();  // it is told here
      refuse(cudaGetErrorString(error));
    }
    data_ = static_cast<std::byte*>(memory);
#else
    data_ = static_cast<std::byte*>(std::aligned_alloc(kPage, bytes_));
    if (data_ == nullptr) refuse("no memory");
#endif
  }
  ~PinnedMemory() {
#if defined(__CUDACC__)
    if (data_ != nullptr) cudaFreeHost(data_);
#else
    std::free(data_);
#endif
  }
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;

  std::span<std::byte> bytes() const { return {data_, bytes_}; }

 private:
  static constexpr size_t kPage = 4096;

  [[noreturn]] void refuse(const std::string& reason) const {
    throw BackendError("allocating " + std::to_string(bytes_) + " bytes of host memory for the ring of taps: " + reason,
                       {}, "ask for a smaller one: --ring 16M");
  }

  const size_t bytes_;
  std::byte* data_ = nullptr;
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
