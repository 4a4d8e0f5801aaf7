// SPDX-License-Identifier: Apache-2.0
// Host side of softcap, and its kernel: one thread an element. Invariant: softcap.h. Formula: softcap_value.cuh.
#include "cuda/softcap/softcap.h"

#include "cuda/common/require.h"
#include "cuda/softcap/softcap_value.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

template <class Tap>
__global__ void softcap_kernel(SoftcapArgs args, Tap tap) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= args.count) return;
  const CappedValue value = softcap_value(args.x[i], args.cap);
  tap.store(SoftcapTap::kQuotient, i, value.quotient);
  tap.store(SoftcapTap::kTanh, i, value.tanh);
  args.y[i] = value.out;
}

}  // namespace

void softcap(const SoftcapArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (args.count == 0) return;
  require_pointers("softcap", {{"x", args.x}, {"y", args.y}});
  require_block("softcap", block_threads);
  const LaunchShape shape{dim3(blocks_for(args.count, block_threads)), dim3(unsigned(block_threads)), 0};
  with_tap(taps, [&](auto tap) { launch("softcap", shape, stream, softcap_kernel<decltype(tap)>, args, tap); });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
