// SPDX-License-Identifier: Apache-2.0
// Does a candidate's difference from the reference, position by position, lie within the noise? Pure.
#pragma once
#include <vector>

#include "locate/noise.h"
#include "locate/run_distance.h"

namespace plumbline {

/// The floor that a candidate is held against: the first one, with the larger sigma of all at every position.
NoiseFloor governing_floor(const std::vector<NoiseFloor>& floors);

/// `reference`: the reference's own run, kept whole; `distance`: of the candidate from it. Fills all but file, backend
/// and the distances from the exact replay.
NoiseVerdict noise_verdict(const NoiseFloor& floor, const KeptRun& reference, const RunDistance& distance);

/// Largest distance of a run from the floor's base, in sigmas of the position; NaN if no logits were compared.
double worst_sigmas(const NoiseFloor& floor, const RunDistance& distance);

}  // namespace plumbline
