// SPDX-License-Identifier: Apache-2.0
// A segment's recorded results against the Monte Carlo noise of its replay. Three answers: beyond what noise makes (the
// segment fails), hardly a bit unlike the replay's (nothing can hide), or neither: then a defect smaller than the noise
// is as possible as none, and the segment is not judged.
#pragma once
#include "locate/judged_op.h"

namespace plumbline {

/// Whether the gates that this side passed are too blunt to call its segment clean: they would allow more unlike bits
/// than the smallest defect worth the name makes.
bool is_blunt(const JudgedSide& side);

/// Takes away what was said of bounds: the composed one says nothing.
void forget_bound(Judgement& judgement);

/// Fills side.by_noise and side.hidden; a result beyond its limit fails Gate::noise in the step that shows it most.
void hold_against_noise(const Replay& replay, JudgedSide& side);

}  // namespace plumbline
