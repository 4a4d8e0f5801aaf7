// SPDX-License-Identifier: Apache-2.0
// A launch on the twin: the checks a GPU of sm_90 makes, then the blocks on the workers.
#include "cuda/twin/grid.h"

#include <string>

#include <plumbline/error.h>

#include "cuda/twin/divergence.h"
#include "cuda/twin/options.h"
#include "cuda/twin/race_check.h"
#include "cuda/twin/recorded_grids.h"
#include "cuda/twin/text.h"
#include "cuda/twin/workers.h"

namespace plumbline::twin {
namespace {

std::string shape_text(const GridCall& call) {
  const auto dims = [](dim3 d) { return index_text({d.x, d.y, d.z}); };
  return "grid " + dims(call.grid) + ", block " + dims(call.block) + ", dynamic shared memory " +
         std::to_string(call.shared_bytes) + " bytes";
}

[[noreturn]] void refuse(const GridCall& call, const std::string& what, const std::string& way_out) {
  throw BackendError(std::string("launch of '") + call.op + "': " + what,
                     {shape_text(call), "at " + place_text(call.where)}, way_out);
}

void check_shape(const GridCall& call) {
  const uint64_t threads = uint64_t(call.block.x) * call.block.y * call.block.z;
  if (call.grid.x == 0 || call.grid.y == 0 || call.grid.z == 0 || threads == 0) {
    refuse(call, "the grid or the block is empty", "skip the launch where there is nothing to do");
  }
  if (call.grid.x > 0x7FFFFFFFu || call.grid.y > 65535 || call.grid.z > 65535) {
    refuse(call, "the grid is larger than a GPU takes", "at most 2^31-1 x 65535 x 65535 blocks");
  }
  if (call.block.x > 1024 || call.block.y > 1024 || call.block.z > 64 || threads > 1024) {
    refuse(call, "the block is larger than a GPU takes", "at most 1024 threads, 64 of them along z");
  }
  if (call.shared_bytes > kMaxDynamicShared) {
    refuse(call, "more dynamic shared memory than a GPU of sm_90 has",
           "at most " + std::to_string(kMaxDynamicShared) + " bytes");
  }
}

void check_cpu([[maybe_unused]] const GridCall& call) {
#if defined(PLUMBLINE_TWIN_X86)
  if (call.needs_fma && !__builtin_cpu_supports("x86-64-v3")) {
    refuse(call, "the kernels were compiled for CPUs with AVX2 and FMA (x86-64-v3), which this one lacks",
           "build again on this machine, or with -DPLUMBLINE_TWIN_ARCH=x86-64");
  }
#endif
}

uint3 block_index(const GridCall& call, uint64_t block) {
  return {unsigned(block % call.grid.x), unsigned(block / call.grid.x % call.grid.y),
          unsigned(block / call.grid.x / call.grid.y)};
}

}  // namespace

void run_grid_once(const GridCall& call, const Pass& pass) {
  const SharedSegment segment = find_shared_segment(call.kernel_address, call.op);
  const uint64_t blocks = uint64_t(call.grid.x) * call.grid.y * call.grid.z;
  const int warps = int((call.block.x * call.block.y * call.block.z + 31) / 32);
  for_each_block(twin_threads(), blocks, [&](Worker& worker, uint64_t block) {
    const uint3 index = block_index(call, block);
    worker.shared.start_block(segment, call.shared_bytes, pass.poison);
    const Verdict verdict = worker.block.run(call, index, Schedule(pass.order, pass.seed, block, warps));
    if (verdict.fault != Fault::none) throw_divergence(call, index, worker.block, verdict);
    worker.shared.check_fences(call.op, index);
  });
}

void run_grid(const GridCall& call) {
  check_shape(call);
  check_cpu(call);
  if (is_kept(call)) return;
  const TwinOptions options = twin_options();
  if (options.check_races) {
    run_grid_in_all_orders(call, options);
  } else {
    run_grid_once(call, {options.order, options.schedule_seed, kSharedPoison});
  }
}

}  // namespace plumbline::twin
