// SPDX-License-Identifier: Apache-2.0
// How much heap the program and the children that it forks hold at most: every malloc and free is counted.
// Invariant: the peak lies in memory shared with children, so that what a confined reader takes is seen too.
#pragma once
#include <cstdint>

namespace plumbline::test {

/// Call once, before anything is forked. Throws std::bad_alloc if there is no shared page.
void start_heap_meter();
/// Forgets the peak: from here on it counts from what is held now. No child may be alive.
void reset_heap_peak();
/// Most bytes held at once, in one process, beyond what was held at the reset.
int64_t heap_peak_bytes();

}  // namespace plumbline::test
