// SPDX-License-Identifier: Apache-2.0
// Host side of attention, without defect. Invariant: attention.h. Launch: attention_launch.cuh. Device code:
// attention_kernel.cuh.
#include "cuda/attention/attention.h"

#include "cuda/attention/attention_launch.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

void attention(const AttentionArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  with_arithmetic(args.arithmetic, [&](auto arithmetic) {
    start_attention<Defect::none, arithmetic.value>(args, taps, block_threads, stream);
  });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
