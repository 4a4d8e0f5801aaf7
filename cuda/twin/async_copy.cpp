// SPDX-License-Identifier: Apache-2.0
// Invariant: async_copy.h.
#include "cuda/twin/async_copy.h"

#include "cuda/twin/block.h"

namespace plumbline::twin {
namespace {

// Arrays, no containers: memory that threads of a block allocate in turn would look like a race to the thread
// sanitizer.
constexpr int kMostBarriers = 16, kMostCopies = 4096;

struct Barrier {
  const void* name;
  int arrivals;   // threads that will announce
  int64_t bytes;  // announced, less those asked for
  int waiting;    // copies that have not landed
};

struct Kept {
  BulkCopy copy;
  const Barrier* barrier;  // null: it has landed
};

// Of the block that runs on this host thread.
thread_local Barrier barriers[kMostBarriers];
thread_local Kept kept[kMostCopies];
thread_local int barrier_count, kept_count;

Barrier* find(const void* name) {
  for (int i = 0; i < barrier_count; ++i) {
    if (barriers[i].name == name) return barriers + i;
  }
  return nullptr;
}

}  // namespace

void open_copies(const void* barrier, int arrivals) {
  if (barrier_count == kMostBarriers) current_block->refuse(Fault::many_copies, Where::current());
  barriers[barrier_count++] = {barrier, arrivals, 0, 0};
}

void announce_copies(const void* barrier, int bytes) {
  Barrier* found = find(barrier);
  if (found == nullptr) current_block->refuse(Fault::copies, Where::current());
  --found->arrivals;
  found->bytes += bytes;
}

void keep_copy(const void* barrier, const BulkCopy& copy) {
  Barrier* found = find(barrier);
  if (found == nullptr) current_block->refuse(Fault::copies, Where::current());
  if (kept_count == kMostCopies) current_block->refuse(Fault::many_copies, Where::current());
  found->bytes -= copy.bytes;
  ++found->waiting;
  kept[kept_count++] = {copy, found};
}

void require_copies(const void* barrier, Where where) {
  const Barrier* found = find(barrier);
  if (found == nullptr || found->arrivals != 0 || found->bytes != 0) current_block->refuse(Fault::copies, where);
}

bool next_copy(const void* barrier, BulkCopy& copy) {
  Barrier* found = find(barrier);
  for (int i = 0; i < kept_count && found->waiting > 0; ++i) {
    if (kept[i].barrier != found) continue;
    copy = kept[i].copy;
    kept[i].barrier = nullptr;
    --found->waiting;
    return true;
  }
  return false;
}

void copies_seen([[maybe_unused]] void* barrier) {
#if defined(PLUMBLINE_TWIN_TSAN)
  __tsan_release(barrier);
  __tsan_acquire(barrier);
#endif
}

void forget_copies() { barrier_count = kept_count = 0; }

}  // namespace plumbline::twin
