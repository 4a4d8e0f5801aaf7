// SPDX-License-Identifier: Apache-2.0
// Invariant: async_copy.h.
#include "cuda/twin/async_copy.h"

#include <array>
#include <deque>

#include "cuda/twin/block.h"

namespace plumbline::twin {
namespace {

struct Pending {
  std::deque<AsyncCopy> copies;
  std::deque<int> groups;  // number of copies in each ended group, oldest first
  int open = 0;            // copies since the last group ended
};

thread_local std::array<Pending, 1024> pending;
thread_local bool any_pending = false;

Pending& of_running_thread() { return pending[size_t(current_block->flat(current_block->running()))]; }

}  // namespace

void keep_async_copy(void* target, const void* source) {
  Pending& mine = of_running_thread();
  mine.copies.push_back({target, source});
  ++mine.open;
  any_pending = true;
}

void end_async_group() {
  Pending& mine = of_running_thread();
  mine.groups.push_back(mine.open);
  mine.open = 0;
}

bool next_landed(int left, AsyncCopy& copy) {
  Pending& mine = of_running_thread();
  while (!mine.groups.empty() && mine.groups.front() == 0 && int(mine.groups.size()) > left) mine.groups.pop_front();
  if (int(mine.groups.size()) <= left) return false;
  copy = mine.copies.front();
  mine.copies.pop_front();
  --mine.groups.front();
  return true;
}

void forget_async_copies() {
  if (!any_pending) return;
  for (Pending& thread : pending) thread = {};
  any_pending = false;
}

}  // namespace plumbline::twin
