// SPDX-License-Identifier: Apache-2.0
// How fast a large piece of device memory comes to the host by the way that taps take, nothing else going on.
#pragma once
#include <cstddef>

#include "cuda/common/kernel.h"

namespace plumbline::twin {
/// Bytes a second, the median of several copies of `bytes` into pinned memory.
double copy_rate(size_t bytes);
}  // namespace plumbline::twin
namespace plumbline::cuda {
double copy_rate(size_t bytes);
}  // namespace plumbline::cuda
