// SPDX-License-Identifier: Apache-2.0
// Launches that overlap (programmatic dependent launch, sm_90): a kernel may start while the one before it in the
// stream still runs, and fetch what that one does not write. Invariant: a kernel launched with LaunchShape::overlaps
// has every thread call wait_for_previous() before it reads or writes anything that an earlier launch writes or reads;
// so a kernel that has ended means that all before it have. Left to others: which memory is constant (weights).
// On the twin a launch has ended before the next one starts.
#pragma once
#include "cuda/common/kernel.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Waits until the launches before this one have ended and their writes can be seen.
__device__ __forceinline__ void wait_for_previous() {
#if defined(__CUDACC__)
  asm volatile("griddepcontrol.wait;\n" ::: "memory");
#endif
}

/// The next launch may start as soon as every block of this one has said so or ended.
__device__ __forceinline__ void let_next_start() {
#if defined(__CUDACC__)
  asm volatile("griddepcontrol.launch_dependents;\n" ::: "memory");
#endif
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
