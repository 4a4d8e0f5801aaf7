// SPDX-License-Identifier: Apache-2.0
// The twin's side of common/async_copy.h: the copies that the running block has asked for and nobody has waited for.
// Invariant: what nobody waits for never lands. Left to others: the copying itself (in the kernel's library, where
// sanitizers see it).
#pragma once
#include "cuda/twin/device.h"

namespace plumbline::twin {

struct BulkCopy {
  void* target = nullptr;
  const void* source = nullptr;
  int bytes = 0;
};

// `barrier` names one; all of the running block.
void open_copies(const void* barrier, int arrivals);
void announce_copies(const void* barrier, int bytes);
void keep_copy(const void* barrier, const BulkCopy& copy);
/// Ends the block with Fault::copies unless copies were announced as often as the barrier waits for, and their bytes
/// were asked for.
void require_copies(const void* barrier, Where where);
/// Takes the next copy that has not landed; false if all have.
bool next_copy(const void* barrier, BulkCopy& copy);
/// Orders memory between those who wait for the same copies.
void copies_seen(void* barrier);

/// Forgets everything: a block starts.
void forget_copies();

}  // namespace plumbline::twin
