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

/// k_tail_lost, bf16_accumulator, truncating_cast, stale_tile, missing_barrier.
void faulty_linear(Defect defect, const LinearArgs& args, const RecordTap* taps, int block_threads, Stream stream);
/// lane_lost.
void faulty_rmsnorm(Defect defect, const RmsNormArgs& args, const RecordTap* taps, int block_threads, Stream stream);
/// other_activation.
void faulty_silu(Defect defect, const ElementwiseArgs& args, int block_threads, Stream stream);
/// position_late in role 0 or 1; cache_stale in role 1 or 2, whose y must have the row before the step's first one.
void faulty_heads(Defect defect, int role, const HeadsArgs& args, const RecordTap* taps, int block_threads,
                  Stream stream);
/// not_rescaled.
void faulty_attention(Defect defect, const AttentionArgs& args, const RecordTap* taps, int block_threads,
                      Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
