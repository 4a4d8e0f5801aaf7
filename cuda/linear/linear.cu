// SPDX-License-Identifier: Apache-2.0
// Host side of linear, without defect. Invariant: linear.h. Launch: linear_launch.cuh. Device code: linear_kernel.cuh.
#include "cuda/linear/linear.h"

#include "cuda/linear/linear_launch.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

void linear(const LinearArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  start_linear<Defect::none>(args, taps, block_threads, stream);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
