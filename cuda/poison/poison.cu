// SPDX-License-Identifier: Apache-2.0
// Host side of look_for_poison: checks, a row of blocks a tensor, launch. Invariant: poison.h. Device code:
// poison_kernel.cuh.
#include "cuda/poison/poison.h"

#include <algorithm>

#include "cuda/common/require.h"
#include "cuda/poison/poison_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

constexpr int64_t kBytesOfBlock = 32 * 1024;
constexpr int64_t kMostBlocks = 32;  // of a tensor

}  // namespace

void look_for_poison(const PoisonArgs& args, Stream stream) {
  if (args.count == 0) return;
  if (args.count > PoisonArgs::kMost)
    throw BackendError("launch of 'look_for_poison': too many tensors", {"asked for " + std::to_string(args.count)},
                       "at most " + std::to_string(PoisonArgs::kMost) + " a launch");
  int64_t most = 0;
  for (int i = 0; i < args.count; ++i) {
    require_pointers("look_for_poison", {{"values", args.values[i]}, {"found", args.found[i]}});
    most = std::max(most, args.bytes[i]);
  }
  const int64_t blocks = std::clamp<int64_t>(blocks_for(most, kBytesOfBlock), 1, kMostBlocks);
  launch("look_for_poison", LaunchShape{dim3(unsigned(blocks), unsigned(args.count)), dim3(kPoisonThreads), 0}, stream,
         poison_kernel, args);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
