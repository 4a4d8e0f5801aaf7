// SPDX-License-Identifier: Apache-2.0
// The explicit change of a model's format. Invariant: one rounding to nearest even per weight, straight from the stored
// number; a finite weight never becomes infinite. What a run in that format means is not decided here.
#pragma once
#include <optional>
#include <string>

#include <plumbline/model.h>

namespace plumbline {

/// What rounding the weights to another format did to them.
struct WeightCast {
  DType from = DType::bf16, to = DType::bf16;
  int64_t weights = 0;   ///< elements in all
  int64_t changed = 0;   ///< numbers that the new format cannot hold
  int64_t vanished = 0;  ///< of these: other than zero before, zero after
};
/// What it did to one piece; `overflows` is the first weight that would become infinite, or -1.
struct CastPiece {
  int64_t changed = 0, vanished = 0, overflows = -1;
};
/// Rounds weights first ... last - 1 of `from` to `to`, each to its place in `target`, which holds all of them.
CastPiece cast_piece(const TensorView& from, DType to, int64_t first, int64_t last, std::byte* target);
/// "f32 to bf16, each weight rounded once to nearest even: 12 of 400 changed, 0 became zero".
std::string describe(const WeightCast& cast);

/// Makes the model, as loaded, one that computes in `dtype` (bf16, f16 or f32): every weight is rounded, and the graph
/// is built anew. NaN stays NaN of that sign, infinities stay. Nothing is changed and nothing returned if that is its
/// format. Throws CheckpointError naming tensor, element and value if a finite weight would overflow, UsageError for
/// another format, Error if the model has a fault already.
std::optional<WeightCast> cast_weights(Model& model, DType dtype);

}  // namespace plumbline
