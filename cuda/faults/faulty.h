// SPDX-License-Identifier: Apache-2.0
// The kernels with a defect inside, for runs that are told to have one (plumbline run --fault kernel.*). Invariant: the
// arguments, checks and taps of the healthy kernel; only what common/defect.h says is wrong. Left to others: which op
// has which defect (pipeline/defects.h).
// Each throws BackendError for a defect that its kernel cannot have.
#pragma once
#include "cuda/attention/attention.h"
#include "cuda/common/defect.h"
#include "cuda/elementwise/elementwise.h"
#include "cuda/heads/heads.h"
#include "cuda/linear/linear.h"
#include "cuda/rmsnorm/rmsnorm.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// k_tail_lost, bf16_accumulator, truncating_cast, stale_tile, missing_barrier; split_k, which knows no residual.
void faulty_linear(PlantedDefect planted, const LinearArgs& args, const RecordTap* taps, int block_threads,
                   Stream stream);
/// Those of the statistic: lane_lost to variance.
void faulty_rmsnorm(PlantedDefect planted, RmsNormArgs args, const RecordTap* taps, int block_threads, Stream stream);
/// other_activation, gelu_erf to sigmoid_only.
void faulty_silu(PlantedDefect planted, const ElementwiseArgs& args, int block_threads, Stream stream);
/// position_late, rope_backwards, half_rotated, not_rotated in role 0 or 1; cache_stale (y must have the row before the
/// step's first one) and cache_pairs in role 1 or 2; cache_before_rope in role 1.
void faulty_heads(PlantedDefect planted, int role, const HeadsArgs& args, const RecordTap* taps, int block_threads,
                  Stream stream);
/// not_rescaled, window to capped.
void faulty_attention(PlantedDefect planted, AttentionArgs args, const RecordTap* taps, int block_threads,
                      Stream stream);
/// through_f8 to neighbours_swapped, of a right result that lies in `y`.
void spoil_result(PlantedDefect planted, bf16* y, int64_t rows, int64_t columns, int block_threads, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
