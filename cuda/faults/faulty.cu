// SPDX-License-Identifier: Apache-2.0
// The only place where a kernel is instantiated with a defect. Invariant: faulty.h.
#include "cuda/faults/faulty.h"

#include <type_traits>

#include "cuda/attention/attention_launch.cuh"
#include "cuda/elementwise/elementwise_launch.cuh"
#include "cuda/faults/variants.cuh"
#include "cuda/heads/heads_launch.cuh"
#include "cuda/linear/linear_launch.cuh"
#include "cuda/rmsnorm/rmsnorm_launch.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

[[noreturn]] void fail_defect(const char* kernel, Defect defect) {
  throw BackendError(std::string("launch of '") + kernel + "': no variant with this defect",
                     {"defect number " + std::to_string(int(defect))}, "`plumbline faults` lists what an op can have");
}

LaunchShape one_thread_each(int64_t count, int block_threads) {
  return {dim3(blocks_for(count, block_threads)), dim3(unsigned(block_threads)), 0};
}

template <Defect... kDefects, class Start>
void choose(const char* kernel, Defect defect, const Start& start) {
  if (!((defect == kDefects && (start(std::integral_constant<Defect, kDefects>{}), true)) || ...))
    fail_defect(kernel, defect);
}

}  // namespace

void faulty_linear(PlantedDefect planted, const LinearArgs& args, const RecordTap* taps, int block_threads,
                   Stream stream) {
  using enum Defect;
  if (planted.defect == split_k) {
    const int64_t count = int64_t(args.rows) * args.columns;
    if (count == 0) return;
    return launch("split product", one_thread_each(count, block_threads), stream, split_product_kernel, args,
                  int(planted.amount));
  }
  choose<k_tail_lost, bf16_accumulator, truncating_cast, stale_tile, missing_barrier>(
      "linear", planted.defect, [&](auto defect) { start_linear<defect.value>(args, taps, block_threads, stream); });
}

void faulty_rmsnorm(PlantedDefect planted, RmsNormArgs args, const RecordTap* taps, int block_threads, Stream stream) {
  using enum Defect;
  if (planted.defect == eps_outside) args.eps = planted.amount;
  choose<lane_lost, sum_not_mean, one_column_less, no_root, eps_outside, magnitudes, variance>(
      "rmsnorm", planted.defect, [&](auto defect) { start_rmsnorm<defect.value>(args, taps, block_threads, stream); });
}

void faulty_silu(PlantedDefect planted, const ElementwiseArgs& args, int block_threads, Stream stream) {
  if (planted.defect == Defect::other_activation)
    return start_elementwise<ElementwiseOp::silu, Defect::other_activation>("silu", args, block_threads, stream);
  if (planted.defect < Defect::gelu_erf || planted.defect > Defect::sigmoid_only) fail_defect("silu", planted.defect);
  if (args.count == 0) return;
  launch("activation", one_thread_each(args.count, block_threads), stream, activation_kernel, args, planted.defect,
         planted.amount);
}

void faulty_heads(PlantedDefect planted, int role, const HeadsArgs& args, const RecordTap* taps, int block_threads,
                  Stream stream) {
  using enum Defect;
  if (role == 0)
    return choose<position_late, rope_backwards, half_rotated, not_rotated>(
        "heads", planted.defect, [&](auto defect) { start_heads<defect.value, 0>(args, taps, block_threads, stream); });
  if (role == 2)
    return choose<cache_stale, cache_pairs>(
        "heads", planted.defect, [&](auto defect) { start_heads<defect.value, 2>(args, taps, block_threads, stream); });
  choose<position_late, rope_backwards, half_rotated, not_rotated, cache_stale, cache_pairs, cache_before_rope>(
      "heads", planted.defect, [&](auto defect) { start_heads<defect.value, 1>(args, taps, block_threads, stream); });
}

void faulty_attention(PlantedDefect planted, AttentionArgs args, const RecordTap* taps, int block_threads,
                      Stream stream) {
  using enum Defect;
  args.amount = planted.amount;
  choose<not_rescaled, window, next_kv_head, last_key_lost, base_two, not_normalised, no_maximum, capped>(
      "attention", planted.defect,
      [&](auto defect) { start_attention<defect.value>(args, taps, block_threads, stream); });
}

void spoil_result(PlantedDefect planted, bf16* y, int64_t rows, int64_t columns, int block_threads, Stream stream) {
  if (rows * columns == 0) return;
  launch("result", one_thread_each(rows * columns, block_threads), stream, result_kernel,
         ResultArgs{y, rows, columns, planted.amount}, planted.defect);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
