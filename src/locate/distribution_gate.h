// SPDX-License-Identifier: Apache-2.0
// One side's results against what chance does, all steps together: unequal bits that gather in one token, channel, head
// or tile fail the op (G4). How large errors are and whether they lean to one side is measured only, since right sums
// of data that all round the same way do both. Invariant: an op judged in a segment is left alone, where one flipped
// bit of an unrecorded tap moves a whole row.
#pragma once
#include "locate/judged_op.h"

namespace plumbline {

/// Fails Gate::structure in the step that holds the first such bit; fills side.loudness and side.bias. Does nothing to
/// a result that has failed.
void hold_against_chance(const Contract& contract, JudgedSide& side);

}  // namespace plumbline
