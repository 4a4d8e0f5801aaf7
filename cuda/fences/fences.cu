// SPDX-License-Identifier: Apache-2.0
// Host side of the look at fences: checks, one block a buffer, launch. Invariant: fences.h. Device code:
// fences_kernel.cuh.
#include "cuda/fences/fences.h"

#include "cuda/common/require.h"
#include "cuda/fences/fences_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

void look_at_fences(const FenceArgs& args, Stream stream) {
  if (args.count == 0) return;
  if (args.count > FenceArgs::kMost)
    throw BackendError("launch of 'fences': too many buffers", {"asked for " + std::to_string(args.count)},
                       "at most " + std::to_string(FenceArgs::kMost));
  require_pointers("fences", {{"report", args.report}});
  for (int i = 0; i < args.count; ++i)
    require_pointers("fences", {{"fence before", args.before[i]}, {"fence after", args.after[i]}});
  launch("fences", LaunchShape{dim3(unsigned(args.count)), dim3(kFenceWarps * 32), 0}, stream, fences_kernel, args);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
