// SPDX-License-Identifier: Apache-2.0
// Host side of rmsnorm, without defect. Invariant: rmsnorm.h. Launch: rmsnorm_launch.cuh. Device code:
// rmsnorm_kernel.cuh.
#include "cuda/rmsnorm/rmsnorm.h"

#include "cuda/rmsnorm/rmsnorm_launch.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

void rmsnorm(const RmsNormArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  with_arithmetic(args.arithmetic, [&](auto arithmetic) {
    start_rmsnorm<Defect::none, arithmetic.value>(args, taps, block_threads, stream);
  });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
