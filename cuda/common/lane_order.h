// SPDX-License-Identifier: Apache-2.0
// How a sum is ordered where it is not one chain of tensor-core steps: by lanes, as vector kernels do. Host and device.
// Left to others: summing so (attention/lane_sum.cuh), which shape is summed so (pipeline/torch_orders.h).
#pragma once

namespace plumbline {

/// Lane l of `lanes` chains the terms whose index / vector % lanes is l, ascending, from +0; then the lanes are added.
struct LaneOrder {
  int lanes = 0;            ///< a power of two up to kMaxSumLanes; 0: one chain of tensor-core steps
  int vector = 1;           ///< terms side by side in a lane
  bool sequential = false;  ///< lane 0 + lane 1 + ...; else the upper half of the lanes is added to the lower
  bool operator==(const LaneOrder&) const = default;
};

inline constexpr int kMaxSumLanes = 32;

}  // namespace plumbline
