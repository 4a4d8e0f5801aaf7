// SPDX-License-Identifier: Apache-2.0
// Host side of heads, without defect. Invariant: heads.h. Launch: heads_launch.cuh. Device code: heads_kernel.cuh.
#include "cuda/heads/heads.h"

#include "cuda/heads/heads_launch.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

void heads(const HeadsArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  with_arithmetic(args.arithmetic, [&](auto arithmetic) {
    start_heads<Defect::none, 0, arithmetic.value>(args, taps, block_threads, stream);
  });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
