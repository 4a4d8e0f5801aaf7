// SPDX-License-Identifier: Apache-2.0
// The only place where a kernel is instantiated with a defect. Invariant: faulty.h.
#include "cuda/faults/faulty.h"

#include "cuda/attention/attention_launch.cuh"
#include "cuda/elementwise/elementwise_launch.cuh"
#include "cuda/heads/heads_launch.cuh"
#include "cuda/linear/linear_launch.cuh"
#include "cuda/rmsnorm/rmsnorm_launch.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

[[noreturn]] void fail_defect(const char* kernel, Defect defect) {
  throw BackendError(std::string("launch of '") + kernel + "': no variant with this defect",
                     {"defect number " + std::to_string(int(defect))}, "`plumbline faults` lists what an op can have");
}

}  // namespace

void faulty_linear(Defect defect, const LinearArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  using enum Defect;
  switch (defect) {
    case k_tail_lost: return start_linear<k_tail_lost>(args, taps, block_threads, stream);
    case bf16_accumulator: return start_linear<bf16_accumulator>(args, taps, block_threads, stream);
    case truncating_cast: return start_linear<truncating_cast>(args, taps, block_threads, stream);
    case stale_tile: return start_linear<stale_tile>(args, taps, block_threads, stream);
    case missing_barrier: return start_linear<missing_barrier>(args, taps, block_threads, stream);
    default: fail_defect("linear", defect);
  }
}

void faulty_rmsnorm(Defect defect, const RmsNormArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (defect != Defect::lane_lost) fail_defect("rmsnorm", defect);
  start_rmsnorm<Defect::lane_lost>(args, taps, block_threads, stream);
}

void faulty_silu(Defect defect, const ElementwiseArgs& args, int block_threads, Stream stream) {
  if (defect != Defect::other_activation) fail_defect("silu", defect);
  start_elementwise<ElementwiseOp::silu, Defect::other_activation>("silu", args, block_threads, stream);
}

void faulty_heads(Defect defect, int role, const HeadsArgs& args, const RecordTap* taps, int block_threads,
                  Stream stream) {
  using enum Defect;
  if (defect == position_late && role == 0) return start_heads<position_late, 0>(args, taps, block_threads, stream);
  if (defect == position_late && role == 1) return start_heads<position_late, 1>(args, taps, block_threads, stream);
  if (defect == cache_stale && role == 1) return start_heads<cache_stale, 1>(args, taps, block_threads, stream);
  if (defect == cache_stale && role == 2) return start_heads<cache_stale, 2>(args, taps, block_threads, stream);
  fail_defect("heads", defect);
}

void faulty_attention(Defect defect, const AttentionArgs& args, const RecordTap* taps, int block_threads,
                      Stream stream) {
  if (defect != Defect::not_rescaled) fail_defect("attention", defect);
  start_attention<Defect::not_rescaled>(args, taps, block_threads, stream);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
