// SPDX-License-Identifier: Apache-2.0
// Copies from device to host that run beside the kernels. Invariant: a copy starts after the kernels that it follows
// and after the copies before it; nobody waits for it but who asks. On the twin it is done at once. Left to others:
// that the device memory lives until then (tap_capture.h).
#pragma once
#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <plumbline/error.h>

#include "cuda/common/memory.h"
#include "cuda/common/stream.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

#if defined(__CUDACC__)

namespace detail {
inline void check_copy(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  throw BackendError(std::string(what) + ": " + cudaGetErrorString(error), {},
                     "an error of an earlier kernel may surface here: run with CUDA_LAUNCH_BLOCKING=1");
}
}  // namespace detail

/// A point in a stream's work.
class CopyMark {
 public:
  CopyMark() {
    detail::check_copy(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming | cudaEventBlockingSync),
                       "making an event");
  }
  ~CopyMark() { cudaEventDestroy(event_); }
  CopyMark(const CopyMark&) = delete;
  CopyMark& operator=(const CopyMark&) = delete;

  void set(Stream stream) { detail::check_copy(cudaEventRecord(event_, stream), "marking the end of copies"); }
  /// Throws BackendError if the work before the mark failed.
  void wait() const { detail::check_copy(cudaEventSynchronize(event_), "waiting for taps from the GPU"); }
  bool reached() const {
    const cudaError_t error = cudaEventQuery(event_);
    if (error != cudaErrorNotReady) detail::check_copy(error, "waiting for taps from the GPU");
    return error == cudaSuccess;
  }
  /// What is launched on `stream` from now on waits for the mark.
  void hold_back(Stream stream) const {
    detail::check_copy(cudaStreamWaitEvent(stream, event_), "letting copies wait for kernels");
  }

 private:
  cudaEvent_t event_ = nullptr;
};

class CopyStream {
 public:
  /// Does not wait for the default stream, nor that for it.
  CopyStream() { detail::check_copy(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream"); }
  ~CopyStream() { cudaStreamDestroy(stream_); }
  CopyStream(const CopyStream&) = delete;
  CopyStream& operator=(const CopyStream&) = delete;

  /// Copies asked for from now on wait for what was launched on `kernels` so far.
  void follow(Stream kernels) {
    launched_.set(kernels);
    launched_.hold_back(stream_);
  }
  /// `pinned`: where the bytes go to. These copies are asked for together, by the next mark().
  void copy(std::byte* target, const DeviceBuffer& source, size_t bytes, bool pinned) {
    if (bytes == 0) return;
    if (!pinned) return copy_one(target, source.as<std::byte>(), bytes);
    targets_.push_back(target);
    sources_.push_back(source.as<std::byte>());
    bytes_.push_back(bytes);
  }
  /// Those that nobody has marked yet are not done.
  void forget() {
    targets_.clear();
    sources_.clear();
    bytes_.clear();
  }
  /// Reached when all copies so far are done.
  std::shared_ptr<const CopyMark> mark() {
    ask();
    auto mark = std::make_shared<CopyMark>();
    mark->set(stream_);
    return mark;
  }

 private:
  void copy_one(void* target, const void* source, size_t bytes) {
    detail::check_copy(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToHost, stream_), "copying a tap");
  }
  /// One call for all: a call each takes longer than the copy of a small tap.
  void ask() {
    if (targets_.size() == 1) {
      copy_one(targets_.front(), sources_.front(), bytes_.front());
    } else if (!targets_.empty()) {
      cudaMemcpyAttributes in_order{};
      in_order.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
      size_t from_the_first_on = 0;
      detail::check_copy(cudaMemcpyBatchAsync(targets_.data(), sources_.data(), bytes_.data(), targets_.size(),
                                              &in_order, &from_the_first_on, 1, stream_),
                         "copying taps");
    }
    forget();
  }

  cudaStream_t stream_ = nullptr;
  CopyMark launched_;  // of the last follow(): whoever waits for a mark waits for where it was then
  std::vector<void*> targets_;
  std::vector<const void*> sources_;
  std::vector<size_t> bytes_;
};

#else

class CopyMark {
 public:
  void set(Stream) {}
  void wait() const {}
  bool reached() const { return true; }
  void hold_back(Stream) const {}
};

class CopyStream {
 public:
  void follow(Stream) {}
  void copy(std::byte* target, const DeviceBuffer& source, size_t bytes, bool) {
    std::copy_n(source.as<std::byte>(), bytes, target);
  }
  void forget() {}
  std::shared_ptr<const CopyMark> mark() { return std::make_shared<CopyMark>(); }
};

#endif

}  // namespace plumbline::PLUMBLINE_BUILD_NS
