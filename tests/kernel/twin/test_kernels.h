// SPDX-License-Identifier: Apache-2.0
// Host side of the small kernels that exercise the twin; every pointer is memory that a kernel can reach. Invariant:
// each function is one launch. Left to others: what the outputs should be (the tests).
#pragma once
#include <cstdint>

#include "cuda/common/launch.h"

namespace plumbline::PLUMBLINE_BUILD_NS::testing {

// Sound kernels.
void reverse_by_barrier(const float* in, float* out, int blocks, int threads);  ///< out = each block's part reversed
/// out[kind * 64 + thread] for kinds index (lane 3), up 1, down 2, xor 5, up 1 of width 8, xor 1 among even lanes only.
void shuffle_every_way(const float* in, float* out);
void vote_every_way(uint32_t* out);                         ///< ballot of odd lanes, any, all, ballot in a half warp
void sum_and_max(const float* in, float* out, int blocks);  ///< out[2b] sum, out[2b+1] maximum over 256
void thread_coordinates(uint32_t* out, dim3 grid, dim3 block);  ///< a number made of all indices, per thread
void gemm(const uint16_t* a, const uint16_t* b, float* c, int m, int n, int k);  ///< bf16; one warp per 16x8 tile

// Faulty ones; each fault stands on a line of its own in faulty_kernels.cu.
enum class Divergence {
  exit_before_barrier,
  two_barriers,
  barrier_against_shuffle,
  two_shuffles,
  exit_before_shuffle,
  mask_without_caller,
  source_outside_mask,
  two_barriers_on_one_line,
};
void diverge(Divergence kind, float* out);
void read_after_write_race(float* out,
                           int blocks);  ///< lacks the barrier between write and read of another warp's value
void write_after_read_race(float* out, int blocks);     ///< lacks the barrier before the shared value is written again
void read_unwritten_shared(uint32_t* out);              ///< out[0] static, out[1] dynamic, as found
void write_past_dynamic_shared(float* out, int index);  ///< 64 floats asked for
void write_at(float* out, int64_t index);
/// A bulk copy of 64 words to shared memory and from there to out. `in` is a multiple of 16.
enum class BulkFault { none, no_wait, bytes_missing, thread_missing };
void copy_in_bulk(const uint32_t* in, uint32_t* out, BulkFault fault);
/// 4 stages of 64 words by pieces to shared memory, from there to out, each thread what the next one fetched; the last
/// 16 words of a stage are zeros. early: the last stage is not waited for. `in` is a multiple of 16.
enum class StagedFault { none, no_wait, early, no_barrier };
void copy_in_stages(const uint32_t* in, uint32_t* out, StagedFault fault);
/// Does nothing; for launch shapes that must be refused.
void launch_shape(dim3 grid, dim3 block, size_t shared_bytes);

}  // namespace plumbline::PLUMBLINE_BUILD_NS::testing
