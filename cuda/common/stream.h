// SPDX-License-Identifier: Apache-2.0
// In which order launches run: one after the other in a stream. Invariant: an OwnStream's work and that of the default
// stream (which copies use) wait for each other. Left to others: waiting on the host (launch.h).
#pragma once
#include "cuda/common/gpu.h"
#include "cuda/common/kernel.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

#if defined(__CUDACC__)

using Stream = cudaStream_t;  ///< null: the default stream

/// A stream of one's own: unlike the default one it can be captured into a graph.
class OwnStream {
 public:
  /// `alone`: it and the default stream do not wait for each other. Throws BackendError if there is no GPU.
  explicit OwnStream(bool alone = false) {
    const unsigned kind = alone ? cudaStreamNonBlocking : cudaStreamDefault;
    if (const cudaError_t error = cudaStreamCreateWithFlags(&stream_, kind); error != cudaSuccess)
      fail_operation(error, "making a stream");
  }
  ~OwnStream() { cudaStreamDestroy(stream_); }
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;
  Stream get() const { return stream_; }

 private:
  Stream stream_ = nullptr;
};

#else

using Stream = struct TwinStream*;  ///< null; the twin runs every launch before it returns

class OwnStream {
 public:
  explicit OwnStream(bool = false) {}
  Stream get() const { return nullptr; }
};

#endif

}  // namespace plumbline::PLUMBLINE_BUILD_NS
