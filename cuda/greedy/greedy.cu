// SPDX-License-Identifier: Apache-2.0
// Host side of greedy: checks, two launches. Invariant: greedy.h. Device code: greedy_kernel.cuh.
#include "cuda/greedy/greedy.h"

#include "cuda/common/require.h"
#include "cuda/greedy/greedy_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

void greedy(const GreedyArgs& args, Stream stream) {
  require_positive("greedy", {{"count", args.count}});
  require_pointers(
      "greedy",
      {{"logits", args.logits}, {"candidates", args.candidates}, {"token", args.token}, {"position", args.position}});
  constexpr size_t kShared = 32 * sizeof(Candidate);
  launch("greedy (shares)", LaunchShape{dim3(kGreedyBlocks), dim3(kGreedyThreads), kShared, true}, stream,
         greedy_shares_kernel, args);
  launch("greedy (choice)", LaunchShape{dim3(1), dim3(kGreedyBlocks), kShared, true}, stream, greedy_choice_kernel,
         args);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
