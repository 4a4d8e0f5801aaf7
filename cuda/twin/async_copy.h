// SPDX-License-Identifier: Apache-2.0
// The twin's side of common/async_copy.h: what each thread of the running block has asked for and not yet waited for.
// Invariant: groups land in the order in which they were ended; what nobody waits for never lands. Left to others: the
// copying itself (in the kernel's library, where sanitizers see it).
#pragma once

namespace plumbline::twin {

struct AsyncCopy {
  void* target = nullptr;
  const void* source = nullptr;
};

// All of the running thread.
void keep_async_copy(void* target, const void* source);
void end_async_group();
/// Takes the oldest copy of a group older than the newest `left` ones; false if there is none.
bool next_landed(int left, AsyncCopy& copy);

/// Forgets everything: a block starts.
void forget_async_copies();

}  // namespace plumbline::twin
