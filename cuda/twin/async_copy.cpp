// SPDX-License-Identifier: Apache-2.0
// Invariant: async_copy.h.
#include "cuda/twin/async_copy.h"

#include <map>
#include <vector>

#include "cuda/twin/block.h"

namespace plumbline::twin {
namespace {

struct Pending {
  int arrivals = 0;   // threads that will announce
  int64_t bytes = 0;  // announced, less those asked for
  std::vector<BulkCopy> copies;
  size_t landed = 0;
};

thread_local std::map<const void*, Pending> pending;  // of the block that runs on this host thread

}  // namespace

void open_copies(const void* barrier, int arrivals) { pending[barrier] = {arrivals, 0, {}, 0}; }

void announce_copies(const void* barrier, int bytes) {
  Pending& mine = pending[barrier];
  --mine.arrivals;
  mine.bytes += bytes;
}

void keep_copy(const void* barrier, const BulkCopy& copy) {
  Pending& mine = pending[barrier];
  mine.bytes -= copy.bytes;
  mine.copies.push_back(copy);
}

void require_copies(const void* barrier, Where where) {
  const auto found = pending.find(barrier);
  if (found == pending.end() || found->second.arrivals != 0 || found->second.bytes != 0)
    current_block->refuse(Fault::copies, where);
}

bool next_copy(const void* barrier, BulkCopy& copy) {
  Pending& mine = pending[barrier];
  if (mine.landed == mine.copies.size()) return false;
  copy = mine.copies[mine.landed++];
  return true;
}

void copies_seen([[maybe_unused]] void* barrier) {
#if defined(PLUMBLINE_TWIN_TSAN)
  __tsan_release(barrier);
  __tsan_acquire(barrier);
#endif
}

void forget_copies() { pending.clear(); }

}  // namespace plumbline::twin
