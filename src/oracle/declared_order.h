// SPDX-License-Identifier: Apache-2.0
// Orders of sums that an implementation declares, narrower than what its contract allows (or, bf16_parts, another).
// Invariant: bounds then follow the partial sums of that order, and no implementation of it ever exceeds them.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "oracle/oracle.h"

namespace plumbline {

enum class SumOrder : uint8_t {
  f32_chain,    ///< products, norms: one term after the other (FMA or not)
  f32_tree,     ///< products, norms: 32 strided lanes, then five halvings
  tensor_core,  ///< products: steps of 16 terms, aligned and truncated (mma.sync m16n8k16 bf16 on sm_90)
  bf16_parts,   ///< products, split-K: f32 sums of parts, each rounded to bf16, then added in f32 in any order
  online        ///< softmax in one pass over the keys, first to last, in blocks of any size: what is summed is rescaled
                ///< whenever the running maximum grows
};
std::string_view sum_order_name(SumOrder order);  ///< "f32_chain", ...

struct DeclaredOrder {
  SumOrder order = SumOrder::f32_chain;
  int64_t parts = 1;  ///< bf16_parts: into how many contiguous parts of equal length the inner dimension is split
  std::optional<SumOrder> within = {};  ///< bf16_parts: how a part is summed (nothing: in any order); one of the first
                                        ///< three
};

/// `evaluate` for an implementation of that order. An op that has no sums of that kind is evaluated as without it.
/// An inner tap ".parts" of a linear in bf16_parts ([..., outputs, parts]) is its parts before they are rounded.
/// Throws as evaluate does, and InputError for less than one part or for parts within parts.
std::vector<Evaluated> evaluate_in_order(const Op& op, const Contract& contract, const OpInputs& in, DType model_dtype,
                                         const DeclaredOrder& order, const EvaluateOptions& options = {});

}  // namespace plumbline
