// SPDX-License-Identifier: Apache-2.0
// The host threads that run blocks. Invariant: blocks are claimed in ascending order, so that the failure reported is
// that of the lowest failing block, whatever the number of threads. Workers and their stacks live until the process
// ends or the number of threads changes.
#pragma once
#include <cstdint>
#include <functional>

#include "cuda/twin/block.h"
#include "cuda/twin/shared_memory.h"

namespace plumbline::twin {

/// What one host thread needs to run blocks.
struct Worker {
  Block block;
  SharedMemory shared;
};

/// Calls `run_block(worker, i)` for i in [0, count) on up to `threads` host threads, the caller being one (fewer if the
/// system grants no more), under the default floating-point environment. Rethrows the exception of the lowest i that
/// failed; later blocks may not have run.
void for_each_block(int threads, uint64_t count, const std::function<void(Worker&, uint64_t)>& run_block);

}  // namespace plumbline::twin
