// SPDX-License-Identifier: Apache-2.0
// The defects that a kernel can be told to have, as a template argument. Invariant: under Defect::none, the default of
// every kernel, no statement of a defect is compiled; other values are instantiated in cuda/faults/ alone.
// Left to others: names and places for users (src/model/faults_kernel.cpp), the choice per op (pipeline/defects.h).
#pragma once
#include "cuda/common/kernel.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

enum class Defect : int {
  none,
  k_tail_lost,        ///< product: the last k16 step is left out
  bf16_accumulator,   ///< product: the accumulator is rounded to bf16 after every step of k
  truncating_cast,    ///< product: f32 to bf16 by cutting the lower half off
  stale_tile,         ///< product: every second tile of W along k is never loaded: the one before is used again
  missing_barrier,    ///< product: from the second tile on, only the warp waits for what the block stages
  lane_lost,          ///< norm: one lane's part of the mean square is not added
  other_activation,   ///< silu: x * sigmoid(1.702 x), the quick form of GELU
  position_late,      ///< heads: each token but the first is rotated by the angles of the token before it
  cache_stale,        ///< heads: a decode step's new cache row repeats the row before it
  not_rescaled,       ///< softmax: the sum is not rescaled when a larger score moves the maximum
  sum_not_mean,       ///< norm: the sum of squares is not divided by the number of columns
  one_column_less,    ///< norm: it is divided by one less
  no_root,            ///< norm: the reciprocal of the mean square, not of its root
  eps_outside,        ///< norm: `amount` is added to the root, nothing under it
  magnitudes,         ///< norm: the mean of magnitudes, not of squares
  variance,           ///< norm: the square of the mean is taken off
  rope_backwards,     ///< heads: rotated by the negative angle
  half_rotated,       ///< heads: only the first half of the pairs is rotated
  not_rotated,        ///< heads: not rotated at all
  cache_before_rope,  ///< heads: the cache gets the key before its rotation
  cache_pairs,        ///< heads: tokens 2i and 2i + 1 of a step have each other's cache rows
  window,             ///< mask: only the last `amount` keys may be seen
  next_kv_head,       ///< scores: the keys of the next key-value head
  last_key_lost,      ///< context: the last key's part is not added
  base_two,           ///< softmax: powers of two
  not_normalised,     ///< softmax: not divided by the sum
  no_maximum,         ///< softmax: exponentials in f16, and the maximum is not subtracted
  capped,             ///< softmax: amount * tanh(score / amount)
  // From here on not a variant of a kernel but a kernel of cuda/faults/variants.cu, chosen when it runs.
  split_k,             ///< product: `amount` partial sums, each rounded to bf16
  gelu_erf,            ///< activation: x * Phi(x)
  gelu_tanh,           ///< activation: its approximation by tanh
  relu,                ///< activation
  swish,               ///< activation: x * sigmoid(amount * x)
  clamped_input,       ///< activation: of x cut to +-amount
  sigmoid_only,        ///< activation: the sigmoid is not multiplied by x
  through_f8,          ///< any result: rounded to e4m3 on the way
  saturated,           ///< any result: cut to +-amount
  flushed,             ///< any result: magnitudes below `amount` become zero
  overflowed,          ///< any result: magnitudes above `amount` become infinite
  result_scaled,       ///< any result: multiplied by `amount`
  rows_unwritten,      ///< any result: the last `amount` rows are zero
  columns_unwritten,   ///< any result: the last `amount` columns are zero
  row_repeated,        ///< any result: the last row holds the one before
  columns_repeated,    ///< any result: the last `amount` columns hold the `amount` before them
  neighbours_swapped,  ///< any result: columns 2i and 2i + 1 are exchanged
  position_offset      ///< table of angles: its positions are `amount` too large
};

/// Whether it spoils a right result where it lies, whatever op gave it.
constexpr bool spoils_any_result(Defect defect) {
  return defect >= Defect::through_f8 && defect <= Defect::neighbours_swapped;
}

/// A defect with its number, for those that have one.
struct PlantedDefect {
  Defect defect = Defect::none;
  float amount = 0.0f;
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
