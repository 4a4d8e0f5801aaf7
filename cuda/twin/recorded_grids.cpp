// SPDX-License-Identifier: Apache-2.0
// Invariant: recorded_grids.h.
#include "cuda/twin/recorded_grids.h"

#include <cstring>

namespace plumbline::twin {
namespace {

thread_local RecordedGrids* recording = nullptr;

struct Recording {
  explicit Recording(RecordedGrids* grids) { recording = grids; }
  ~Recording() { recording = nullptr; }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
};

}  // namespace

RecordedGrids::RecordedGrids(const std::function<void()>& launches) {
  const Recording here(this);
  launches();
}

void RecordedGrids::run() const {
  for (const Kept& kept : kept_) run_grid(kept.call);
}

bool is_kept(const GridCall& call) {
  if (recording == nullptr) return false;
  auto arguments = std::make_unique<std::byte[]>(call.call_bytes);
  std::memcpy(arguments.get(), call.call, call.call_bytes);
  GridCall kept = call;
  kept.call = arguments.get();
  recording->kept_.push_back({std::move(kept), std::move(arguments)});
  return true;
}

}  // namespace plumbline::twin
