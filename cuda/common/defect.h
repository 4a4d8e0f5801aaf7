// SPDX-License-Identifier: Apache-2.0
// The defects that a kernel can be told to have, as a template argument. Invariant: under Defect::none, the default of
// every kernel, no statement of a defect is compiled; other values are instantiated in cuda/faults/ alone.
// Left to others: names and places for users (src/model/faults_kernel.cpp), the choice per op (pipeline/defects.h).
#pragma once
#include "cuda/common/kernel.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

enum class Defect : int {
  none,
  k_tail_lost,       ///< product: the last k16 step is left out
  bf16_accumulator,  ///< product: the accumulator is rounded to bf16 after every step of k
  truncating_cast,   ///< product: f32 to bf16 by cutting the lower half off
  stale_tile,        ///< product: every second tile of W along k is never loaded: the one before is used again
  missing_barrier,   ///< product: from the second tile on, only the warp waits for what the block stages
  lane_lost,         ///< norm: one lane's part of the mean square is not added
  other_activation,  ///< silu: x * sigmoid(1.702 x), the quick form of GELU
  position_late,     ///< heads: each token but the first is rotated by the angles of the token before it
  cache_stale,       ///< heads: a decode step's new cache row repeats the row before it
  not_rescaled       ///< softmax: the sum is not rescaled when a larger score moves the maximum
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
