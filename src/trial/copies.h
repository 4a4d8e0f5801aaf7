// SPDX-License-Identifier: Apache-2.0
// Ops that move values: embedding, split_heads, merge_heads, kv_append. Invariant: shares no code with the oracle.
#pragma once
#include <vector>

#include "trial/implementations.h"

namespace plumbline::trial {

/// The result of an op of one of those kinds.
std::vector<float> copied(const Case& c);

}  // namespace plumbline::trial
