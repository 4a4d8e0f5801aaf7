// SPDX-License-Identifier: Apache-2.0
// How many recorded taps hold the same bytes on both sides. Invariant: every tap of every step counts, inner ones too,
// one that a side lacks as well. Left to others: what a difference means.
#pragma once
#include <cstdint>

#include <plumbline/trace.h>

#include "locate/positions.h"
#include "locate/scope.h"

namespace plumbline {

struct EqualTaps {
  int64_t recorded = 0;   ///< pairs of step and path that either side has
  int64_t identical = 0;  ///< of them: both have it, in one format and shape, byte for byte
};

EqualTaps count_equal_taps(const Trace& reference, const Trace& candidate, const Alignment& alignment,
                           const Scope& scope);

}  // namespace plumbline
