// SPDX-License-Identifier: Apache-2.0
// How the twin runs, for the whole process. Invariant: no option moves a bit of a correct kernel's output. Not to be
// changed while a launch runs.
#pragma once
#include <cstdint>

namespace plumbline::twin {

/// In which order the threads of a block get their turn (a warp runs as far as it goes before the next one starts).
enum class ScheduleOrder : uint8_t { forward, reverse, seeded };

struct TwinOptions {
  int threads = 0;                               ///< worker threads of the host; 0: as many as the machine has
  ScheduleOrder order = ScheduleOrder::forward;  ///< without check_races, so that a planted race yields one trace
  uint64_t schedule_seed = 1;                    ///< of ScheduleOrder::seeded and of the seeded orders of check_races
  bool check_races = false;                      ///< run each launch in several orders and compare all output bits
  int seeded_orders = 2;                         ///< of check_races, besides forward and reverse
};

TwinOptions twin_options();
/// Throws BackendError if a number is negative.
void set_twin_options(const TwinOptions& options);
/// Changes only the number of worker threads; 0: as many as the machine has.
void set_twin_threads(int threads);
/// The number of worker threads in use, 1 or more.
int twin_threads();

}  // namespace plumbline::twin
