// SPDX-License-Identifier: Apache-2.0
// How the product for many rows is cut into blocks. Host and device. Invariant: no choice here moves a bit. Left to
// others: the product (panel.cuh).
#pragma once
#include <cstddef>

#include "cuda/common/launch.h"
#include "cuda/gemm/slab_plan.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kPanelThreads = 256;              ///< 8 warps, 2 down and 4 across
inline constexpr int kPanelDepth = 64;                 ///< k of one stage
inline constexpr int kPanelStages = 4;                 ///< of which one is multiplied while the others are fetched
inline constexpr int kPanelStride = kPanelDepth + 16;  ///< elements from row to row: the eight-byte loads of four rows
                                                       ///< meet 32 different banks

/// A block's tile: kRowTiles_ times 16 rows by kColumnTiles_ times 8 columns a warp.
template <int kRowTiles_, int kColumnTiles_>
struct Panel {
  static constexpr int kRowTiles = kRowTiles_, kColumnTiles = kColumnTiles_;
  static constexpr int kWarpRows = kRowTiles * 16, kWarpColumns = kColumnTiles * 8;
  static constexpr int kRows = 2 * kWarpRows, kColumns = 4 * kWarpColumns;
  static constexpr int kStage = (kRows + kColumns) * kPanelStride;  ///< elements: rows of x, then rows of the weights
  static constexpr size_t kBytes = size_t(kPanelStages) * kStage * sizeof(bf16);
  static constexpr int kBlocks = kBytes * 2 <= kMostSharedBytes ? 2 : 1;  ///< on one multiprocessor
};
using LargePanel = Panel<4, 4>;  ///< 128 by 128
using SmallPanel = Panel<2, 2>;  ///< 64 by 64

struct PanelPlan {
  int rows;  ///< of x
  int depth;
  int part_depth;

  constexpr bool in_parts() const { return part_depth < depth; }
};

/// Whether the product can be done so: whole pieces of 16 bytes, whole stages in a part.
inline bool fits_panel(const PanelPlan& plan) {
  return plan.depth % 8 == 0 && (!plan.in_parts() || plan.part_depth % kPanelDepth == 0);
}

/// Calls `body` with the panel for `columns` columns, a value of its type: the large one if that leaves few
/// multiprocessors idle. In parts of k it is always the small one: a thread holds two sums then.
template <class Body>
void with_panel(const PanelPlan& plan, int64_t columns, const Body& body) {
  const int64_t blocks = int64_t(blocks_for(plan.rows, LargePanel::kRows)) * blocks_for(columns, LargePanel::kColumns);
  if (plan.rows > SmallPanel::kRows && blocks * 4 >= int64_t(kBlocksAtOnce) * 3) return body(LargePanel{});
  body(SmallPanel{});
}

/// Row tiles first: blocks that run at the same time share their weights.
template <class P>
LaunchShape panel_shape(P, const PanelPlan& plan, unsigned column_tiles) {
  return {dim3(blocks_for(plan.rows, P::kRows), column_tiles), dim3(kPanelThreads), P::kBytes};
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
