// SPDX-License-Identifier: Apache-2.0
// Are two traces equal to the last bit, and what exactly is then known to be equal? Invariant: every tap of every step
// counts, inner ones too, one that a side lacks as well. Left to others: what a difference means.
#pragma once
#include <optional>

#include <plumbline/find.h>
#include <plumbline/trace.h>

#include "locate/positions.h"

namespace plumbline {

/// Nothing unless both have the same taps, at least one, in one format and shape, byte for byte.
std::optional<BitEquality> bit_equality(const Trace& reference, const Trace& candidate, const Alignment& alignment);

}  // namespace plumbline
