// SPDX-License-Identifier: Apache-2.0
// Races by comparison: the same launch in several orders of threads must leave the same bits. No order is a proof (the
// thread sanitizer is the real detector, and it names lines), but this needs no special build.
// Left to others: which memory counts (every DeviceBuffer that the kernel's arguments point into).
#pragma once
#include <cstdint>

#include "cuda/twin/grid.h"
#include "cuda/twin/options.h"

namespace plumbline::twin {

inline constexpr uint16_t kSharedPoison = 0x7FA5;  ///< a NaN as bf16 and, repeated, as f32

/// One way to run a grid.
struct Pass {
  ScheduleOrder order;
  uint64_t seed;
  uint16_t poison;
};

/// Runs every block once.
void run_grid_once(const GridCall& call, const Pass& pass);

/// Runs the grid forward, in reverse and in `options.seeded_orders` seeded orders, each from the same memory and with
/// another poison in shared memory; the memory is left as the forward order leaves it. Throws BackendError naming op,
/// buffer, offset, both values and orders at the first difference, or if the kernel is given a pointer that lies in no
/// DeviceBuffer.
void run_grid_in_all_orders(const GridCall& call, const TwinOptions& options);

}  // namespace plumbline::twin
