// SPDX-License-Identifier: Apache-2.0
// From the distances of several runs to the noise of every op, layer and position. Pure: what was run, and how, is
// decided elsewhere.
#pragma once
#include "locate/noise.h"
#include "locate/run_distance.h"

namespace plumbline {

/// `share`: what part of a squared distance is one run's (1: the base is exact; 1/2: it is a run itself).
NoiseFloor noise_floor(std::string source, const OpGraph& graph, const KeptRun& base,
                       const std::vector<RunDistance>& runs, double share);

}  // namespace plumbline
