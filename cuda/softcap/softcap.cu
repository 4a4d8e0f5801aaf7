// SPDX-License-Identifier: Apache-2.0
// Host side of softcap. Invariant: softcap.h. Device code: softcap_kernel.cuh.
#include "cuda/softcap/softcap.h"

#include "cuda/common/require.h"
#include "cuda/softcap/softcap_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

void softcap(const SoftcapArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (args.count == 0) return;
  require_pointers("softcap", {{"x", args.x}, {"y", args.y}});
  require_block("softcap", block_threads);
  const LaunchShape shape{dim3(blocks_for(args.count, block_threads)), dim3(unsigned(block_threads)), 0};
  with_tap<SoftcapTap::kCount>(
      taps, [&](auto tap) { launch("softcap", shape, stream, softcap_kernel<decltype(tap)>, args, tap); });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
