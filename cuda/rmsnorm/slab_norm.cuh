// SPDX-License-Identifier: Apache-2.0
// The norm in front of slab.cuh: every block norms all rows of x itself, while its weights are on their way, a warp a
// row. Of a single row every warp takes the statistic, which costs no barrier, and norms its eighth. Taps of the norm
// come from a block more, which does the same and no product, so that nothing else waits for their stores. Invariant:
// the bits of quad_norm.cuh. Left to others: the product. NUMERICS CONTRACT: norm_row.cuh, nothing added.
#pragma once
#include "cuda/gemm/slab.cuh"
#include "cuda/rmsnorm/quad_norm.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

static_assert(kSlabThreads / 32 == kQuads, "of a single row each warp norms one of every lane's fours");

/// Blocks that record the norm behind those of the product: a launch with taps has one.
inline unsigned norm_tap_blocks(const RecordTap* taps) { return taps != nullptr ? 1 : 0; }

template <class Tap>
__device__ __forceinline__ bool is_norm_tap_block() {
  return Tap::kRecords && blockIdx.x + 1 == gridDim.x;
}

/// What a block does about the norm. `taps`: whether it records.
template <NormRounding kRounding, Arithmetic kArithmetic, class Tap>
class SlabNorm {
 public:
  __device__ __forceinline__ SlabNorm(const NormInput& norm, const SlabPlan& plan, const Tap& tap, bool taps)
      : norm_(norm),
        stride_(plan.stride()),
        tap_(tap),
        taps_(taps),
        single_(norm.rows == 1),
        first_(int(single_ ? threadIdx.x : threadIdx.x % 32) * 4),
        step_(int(single_ ? blockDim.x : 32) * 4) {}

  /// The norm's own weights that this thread needs first: nothing that an earlier launch writes.
  __device__ __forceinline__ void load_weights() {
    load_quads(norm_.weight, single_ ? min(norm_.columns, kQuads * 128) : norm_.columns, first_, step_, weights_);
  }

  /// Fills memory.x with the normalised rows. All threads of the block call it; a barrier must follow.
  __device__ __forceinline__ void stage(const SlabMemory& memory PLUMBLINE_WHERE_PARAM) const {
    const int warp = int(threadIdx.x) / 32, warps = int(blockDim.x) / 32;
    for (int row = single_ ? 0 : warp; row < norm_.rows; row += warps) {
      const bf16* x = norm_.x + int64_t(row) * norm_.columns;
      uint2 quads[kQuads];
      const RowStatistic statistic = quad_statistic<kArithmetic>(norm_, x, quads PLUMBLINE_WHERE_ARG);
      if (taps_ && threadIdx.x % 32 == 0 && (!single_ || warp == 0)) {
        tap_.store(NormTap::kVar, row, statistic.var);
        tap_.store(NormTap::kRstd, row, statistic.rstd);
      }
      bf16* target = memory.x + row * stride_;
      if (single_) {
        norm_quad(row, first_, statistic.rstd, own_quad(quads, warp), weights_[0], target);
      } else {
#pragma unroll
        for (int j = 0; j < kQuads; ++j)
          norm_quad(row, first_ + j * step_, statistic.rstd, quads[j], weights_[j], target);
      }
      for (int c = kQuads * 128 + first_; c < norm_.columns; c += step_)
        norm_quad(row, c, statistic.rstd, load_four(x + c), load_four(norm_.weight + c), target);
    }
  }

  /// All that the block for taps does.
  __device__ __forceinline__ void record_only(const SlabPlan& plan PLUMBLINE_WHERE_PARAM) {
    load_weights();
    wait_for_previous();
    stage(slab_memory(plan) PLUMBLINE_WHERE_ARG);
  }

 private:
  /// Number `which`: a chain of selections, since registers have no index.
  __device__ __forceinline__ static uint2 own_quad(const uint2 (&quads)[kQuads], int which) {
    uint2 own = quads[0];
#pragma unroll
    for (int j = 1; j < kQuads; ++j) own = which == j ? quads[j] : own;
    return own;
  }

  /// Norms four neighbours, if there are any.
  __device__ __forceinline__ void norm_quad(int row, int column, float rstd, uint2 x, uint2 weight,
                                            bf16* target) const {
    if (column >= norm_.columns) return;
    *reinterpret_cast<uint2*>(target + column) =
        norm_four<kRounding>(x, rstd, weight, norm_.weight_offset, tap_, int64_t(row) * norm_.columns + column, taps_);
  }

  const NormInput& norm_;
  const int stride_;
  const Tap& tap_;
  const bool taps_, single_;
  const int first_, step_;
  uint2 weights_[kQuads];
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
