// SPDX-License-Identifier: Apache-2.0
// One side's results against what chance does, all steps together: unequal bits that gather in one token, channel, head
// or tile (G4), errors far larger than rounding makes them of most data (G2), and errors that lean to one side (G4)
// fail the op. Invariant: an op judged in a segment is left alone, where one flipped bit of an unrecorded tap moves a
// whole row.
#pragma once
#include "locate/judged_op.h"

namespace plumbline {

/// Fails Gate::structure in the step that holds the first such bit, Gate::size and Gate::bias in that nearest to its
/// bound; fills side.loudness and side.bias. Does nothing to a result that has failed.
void hold_against_chance(const Contract& contract, JudgedSide& side);

}  // namespace plumbline
