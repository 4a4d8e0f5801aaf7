// SPDX-License-Identifier: Apache-2.0
// The only include that a kernel file needs for the CUDA language itself: under nvcc the real thing, under the host
// compiler cuda/twin/, which runs the same source on the CPU. Invariant: both builds of one source live in namespaces
// of their own (plumbline::cuda, plumbline::twin), so that one program can hold both.
// Left to others: launching (launch.h), device memory (memory.h), arithmetic beyond single operations (math.h, mma.h).
#pragma once

#if defined(__CUDACC__)

#include <cuda_runtime.h>

#define PLUMBLINE_BUILD_NS cuda
/// The trailing parameter of a device helper that contains a collective, and how it is handed on: on the twin an error
/// then names the kernel's line instead of the helper's. Nothing on the GPU.
#define PLUMBLINE_WHERE_PARAM
#define PLUMBLINE_WHERE_ARG
/// __syncthreads() in such a helper.
#define PLUMBLINE_BLOCK_BARRIER() __syncthreads()

namespace plumbline::cuda {

/// The block's dynamic shared memory (LaunchShape::shared_bytes), 128-byte aligned, the same address at every call.
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ __align__(128) unsigned char plumbline_dynamic_shared[];
  return reinterpret_cast<T*>(plumbline_dynamic_shared);
}

}  // namespace plumbline::cuda

#else

#include "cuda/twin/device.h"

#define PLUMBLINE_BUILD_NS twin
#define PLUMBLINE_WHERE_PARAM , std::source_location where = std::source_location::current()
#define PLUMBLINE_WHERE_ARG , where
#define PLUMBLINE_BLOCK_BARRIER() __syncthreads(where)

#endif
