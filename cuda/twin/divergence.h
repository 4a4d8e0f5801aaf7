// SPDX-License-Identifier: Apache-2.0
// The text of a verdict: which thread waits where, and for whom. Runs on the host's own stack after the block stopped,
// because fibers that cannot go on are never unwound.
#pragma once
#include "cuda/twin/block.h"

namespace plumbline::twin {

/// Throws the BackendError for `verdict` (not Fault::none): kernel, block, the threads and their lines, the way out.
[[noreturn]] void throw_divergence(const GridCall& call, uint3 block_index, const Block& block, Verdict verdict);

}  // namespace plumbline::twin
