// SPDX-License-Identifier: Apache-2.0
// The order in which ready threads of a block get their turn, in two levels: warps, then lanes of a warp. Invariant: a
// pure function of order, seed and block, so a run can be repeated. Two levels on purpose: an order that shuffles all
// threads flatly almost never shows a write-after-read race between warps (measured: 0 of 20 seeds against 20 of 20).
#pragma once
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "cuda/twin/options.h"

namespace plumbline::twin {

class Schedule {
 public:
  /// For a block of `warps` warps.
  Schedule(ScheduleOrder order, uint64_t seed, uint64_t block, int warps);

  /// The warp whose turn is number `turn` (0..warps-1).
  int warp(int turn) const { return warps_[size_t(turn)]; }
  /// The lane to run among those of `ready` (not 0).
  int lane(int warp, uint32_t ready) const {
    if (order_ == ScheduleOrder::forward) return std::countr_zero(ready);
    if (order_ == ScheduleOrder::reverse) return 31 - std::countl_zero(ready);
    for (const uint8_t candidate : lanes_[size_t(warp)]) {
      if (ready >> candidate & 1u) return candidate;
    }
    return std::countr_zero(ready);
  }

 private:
  ScheduleOrder order_;
  std::array<uint8_t, 32> warps_{};
  std::array<std::array<uint8_t, 32>, 32> lanes_{};  // filled for ScheduleOrder::seeded only
};

}  // namespace plumbline::twin
