// SPDX-License-Identifier: Apache-2.0
// The product for many rows (prefill): a block's tile of x W^T, both operands staged ahead in shared memory while the
// stage before is multiplied. Invariant: the bits of gemm_tile/v1. Left to others: how large a tile (panel_plan.h),
// where rows lie and what becomes of the sums (the kernels); few rows (slab.cuh); rows that are computed
// (gemm_tile.cuh).
//
// NUMERICS CONTRACT gemm_panel/v1: gemm_tile/v1 for bf16; in parts, one chain each, added in ascending order
//   order    each lane takes four neighbouring k of a step, as in slab.cuh; steps of zeros behind the last k add +0
//   checked  tests/kernel/linear, rmsnorm_qkv, swiglu: bit for bit against chains and gemm_tile
#pragma once
#include <cstdint>

#include "cuda/common/bf16.h"
#include "cuda/common/mma.h"
#include "cuda/common/staged_copy.h"
#include "cuda/gemm/panel_plan.h"
#include "cuda/gemm/slab.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// value[m][n][i]: in the warp's row tile m and column tile n, row group (i < 2) or group + 8, column 2 * (lane % 4) +
/// i % 2; group = lane / 4.
template <class P>
struct PanelSums {
  float value[P::kRowTiles][P::kColumnTiles][4];
};

/// What a thread fetches of every stage: the same piece of every 32nd row of the stage. Null: zeros.
template <class P>
struct PanelPieces {
  static constexpr int kCount = (P::kRows + P::kColumns) / 32;
  const bf16* source[kCount];
};

/// `x_row(r)` and `w_row(r)` are row r of the block's tile in device memory, null past the end.
template <class P, class RowOfX, class RowOfW>
__device__ __forceinline__ PanelPieces<P> panel_pieces(const RowOfX& x_row, const RowOfW& w_row) {
  PanelPieces<P> pieces;
#pragma unroll
  for (int i = 0; i < PanelPieces<P>::kCount; ++i) {
    const int r = i * 32 + int(threadIdx.x) / 8;
    const bf16* row = i * 32 < P::kRows ? x_row(r) : w_row(r - P::kRows);
    pieces.source[i] = row == nullptr ? nullptr : row + threadIdx.x % 8 * 8;
  }
  return pieces;
}

/// Starts the copies of columns k0 ... k0 + kPanelDepth - 1.
template <class P>
__device__ __forceinline__ void fetch_stage(const PanelPieces<P>& pieces, int k0, int depth, bf16* stage) {
  const bool inside = k0 + int(threadIdx.x) % 8 * 8 < depth;
  bf16* target = stage + threadIdx.x / 8 * kPanelStride + threadIdx.x % 8 * 8;
#pragma unroll
  for (int i = 0; i < PanelPieces<P>::kCount; ++i) {
    const bf16* source = pieces.source[i];
    const bool copies = inside && source != nullptr;
    copy_piece(target + i * 32 * kPanelStride, copies ? source + k0 : source, copies);
  }
}

template <class P>
__device__ __forceinline__ void multiply_stage(PanelSums<P>& sums, const bf16* stage PLUMBLINE_WHERE_PARAM) {
  const int warp = int(threadIdx.x) / 32, place = int(threadIdx.x) % 32 / 4 * kPanelStride + int(threadIdx.x) % 4 * 4;
  const bf16* x = stage + warp / 4 * P::kWarpRows * kPanelStride + place;
  const bf16* w = stage + (P::kRows + warp % 4 * P::kWarpColumns) * kPanelStride + place;
#pragma unroll
  for (int k = 0; k < kPanelDepth; k += kSlabStep) {
    uint2 low[P::kRowTiles], high[P::kRowTiles], weights[P::kColumnTiles];
#pragma unroll
    for (int m = 0; m < P::kRowTiles; ++m) {
      low[m] = load_four(x + m * 16 * kPanelStride + k);
      high[m] = load_four(x + (m * 16 + 8) * kPanelStride + k);
    }
#pragma unroll
    for (int n = 0; n < P::kColumnTiles; ++n) weights[n] = load_four(w + n * 8 * kPanelStride + k);
#pragma unroll
    for (int m = 0; m < P::kRowTiles; ++m) {
#pragma unroll
      for (int n = 0; n < P::kColumnTiles; ++n) {
        const uint32_t a[4] = {low[m].x, high[m].x, low[m].y, high[m].y}, b[2] = {weights[n].x, weights[n].y};
        mma_m16n8k16(sums.value[m][n], a, b, sums.value[m][n] PLUMBLINE_WHERE_ARG);
      }
    }
  }
}

/// total += part, and part starts anew.
template <class P>
__device__ __forceinline__ void end_part(PanelSums<P>& total, PanelSums<P>& part, bool first) {
#pragma unroll
  for (int m = 0; m < P::kRowTiles; ++m) {
#pragma unroll
    for (int n = 0; n < P::kColumnTiles; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float value = part.value[m][n][i];
        total.value[m][n][i] = first ? value : __fadd_rn(total.value[m][n][i], value);
        part.value[m][n][i] = 0.0f;
      }
    }
  }
}

/// The sums of the block's tile. All threads of the block call it; `works`, alike in a warp: whether this warp's rows
/// exist.
template <class P, bool kInParts>
__device__ __forceinline__ PanelSums<P> panel_sums(const PanelPlan& plan, const PanelPieces<P>& pieces,
                                                   bool works PLUMBLINE_WHERE_PARAM) {
  bf16* stages = dynamic_shared<bf16>();
  const int count = (plan.depth + kPanelDepth - 1) / kPanelDepth;
  const auto fetch = [&](int stage) {
    if (stage < count)
      fetch_stage<P>(pieces, stage * kPanelDepth, plan.depth, stages + stage % kPanelStages * P::kStage);
    close_copies();
  };
  for (int stage = 0; stage < kPanelStages - 1; ++stage) fetch(stage);
  PanelSums<P> sums{}, total{};
  for (int stage = 0; stage < count; ++stage) {
    wait_for_closed<kPanelStages - 2>();
    PLUMBLINE_BLOCK_BARRIER();  // and every warp is done with the stage that is fetched over now
    fetch(stage + kPanelStages - 1);
    if (works) multiply_stage<P>(sums, stages + stage % kPanelStages * P::kStage PLUMBLINE_WHERE_ARG);
    if constexpr (kInParts) {
      const int end = (stage + 1) * kPanelDepth;
      if (end % plan.part_depth == 0 || end >= plan.depth) end_part<P>(total, sums, end <= plan.part_depth);
    }
  }
  return kInParts ? total : sums;
}

/// The whole of it for the row tile blockIdx.x. `x_row`, `w_row` as above; `store(tile, group, row, low, high)` gets
/// the sums of the block's columns tile * 16 + group and that + 8 for row `row` of the tile: as slab_product does. All
/// threads of the block call it.
template <class P, bool kInParts, class RowOfX, class RowOfW, class Store>
__device__ __forceinline__ void panel_product(const PanelPlan& plan, const RowOfX& x_row, const RowOfW& w_row,
                                              const Store& store PLUMBLINE_WHERE_PARAM) {
  static_assert(P::kColumnTiles % 2 == 0);
  const int warp = int(threadIdx.x) / 32, row0 = int(blockIdx.x) * P::kRows, warp_row = warp / 4 * P::kWarpRows;
  const PanelPieces<P> pieces =
      panel_pieces<P>([&](int r) { return row0 + r < plan.rows ? x_row(row0 + r) : nullptr; }, w_row);
  const PanelSums<P> sums = panel_sums<P, kInParts>(plan, pieces, row0 + warp_row < plan.rows PLUMBLINE_WHERE_ARG);
  const int group = int(threadIdx.x) % 32 / 4, column = int(threadIdx.x) % 4 * 2;
#pragma unroll
  for (int m = 0; m < P::kRowTiles; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = row0 + warp_row + m * 16 + half * 8 + group;
      if (row >= plan.rows) continue;
#pragma unroll
      for (int n = 0; n < P::kColumnTiles; n += 2) {
        const int tile = (warp % 4 * P::kColumnTiles + n) / 2;
        store(tile, column, row, sums.value[m][n][half * 2], sums.value[m][n + 1][half * 2]);
        store(tile, column + 1, row, sums.value[m][n][half * 2 + 1], sums.value[m][n + 1][half * 2 + 1]);
      }
    }
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
