// SPDX-License-Identifier: Apache-2.0
// Launches that are kept to be run again and again: the twin's side of a captured graph. Invariant: while they are
// recorded nothing runs; every run gives the kernels the arguments of that time. Left to others: the memory that the
// arguments name (who records), running one grid (grid.h).
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "cuda/twin/grid.h"

namespace plumbline::twin {

class RecordedGrids {
 public:
  /// Keeps what `launches` launches on this thread, not within another recording. Throws what it throws.
  explicit RecordedGrids(const std::function<void()>& launches);
  /// Runs them in order. Throws as run_grid does.
  void run() const;

 private:
  friend bool is_kept(const GridCall& call);
  struct Kept {
    GridCall call;
    std::unique_ptr<std::byte[]> arguments;  ///< that `call` borrows
  };
  std::vector<Kept> kept_;
};

/// Whether a recording on this thread has kept the launch, which then must not run.
bool is_kept(const GridCall& call);

}  // namespace plumbline::twin
