// SPDX-License-Identifier: Apache-2.0
// The GPU at hand and what goes wrong on it, as CUDA tells it. Invariant: an error of CUDA leaves here as a
// BackendError that names kernel, grid and source line as far as they can be known. Left to others: the words
// (gpu_error.h).
#pragma once
#include <string>

#include "cuda/common/gpu_error.h"
#include "cuda/common/kernel.h"

#if defined(__CUDACC__)
namespace plumbline::cuda {

/// The first GPU, after a look whether it can run this build's kernels. Throws BackendError: no GPU, driver too old, no
/// code for this architecture.
GpuFacts usable_gpu();

/// Of launches that nobody has waited for yet.
LaunchLog& launch_log();

[[noreturn]] void fail_launch(cudaError_t error, const LaunchRecord& launch);
/// An allocation of `bytes` for the buffer `name`.
[[noreturn]] void fail_allocation(cudaError_t error, size_t bytes, const std::string& name);
/// Anything else that CUDA was asked to do: a wait, a copy.
[[noreturn]] void fail_operation(cudaError_t error, const std::string& what);

}  // namespace plumbline::cuda
#endif
