// SPDX-License-Identifier: Apache-2.0
// Attention whose inner taps are missing may have been computed as a whole, with other rounding points inside. A
// segment that fails as the reference computes it is therefore replayed under every contract of fused attention.
// Invariant: a side that states no graph may follow any of them, and is not accused where noise hides whether it does;
// one that states a graph is told which it follows.
#pragma once
#include <vector>

#include "locate/context.h"
#include "locate/op_walk.h"

namespace plumbline {

/// Ends of segments that hold a whole attention and fail on the candidate's side: judged again. `steps` and `view` are
/// the candidate's steps and the graph in its format. Notes what was found in `notes`.
void try_attention_forms(const Context& context, const std::vector<Step>& steps, const OpGraph& view,
                         std::vector<OpResult>& results, std::vector<std::string>& notes);

}  // namespace plumbline
