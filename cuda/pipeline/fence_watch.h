// SPDX-License-Identifier: Apache-2.0
// The fences of everything that one pass writes, looked at on the device behind the kernels and read once at its end.
// Invariant: a buffer may go as soon as look() has returned, and damage to its fences is told all the same. Left to
// others: the look itself (cuda/fences).
#pragma once
#include <string>
#include <vector>

#include "cuda/common/memory.h"
#include "cuda/common/stream.h"
#include "cuda/fences/fences.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

class FenceWatch {
 public:
  /// Forgets what an abandoned pass left.
  void begin();
  void add(const DeviceBuffer& buffer, Stream stream);
  /// Looks, in stream order, at what was added since.
  void look(Stream stream);
  /// Waits, and throws BackendError for the first damaged fence in the order of adding.
  void require_intact(Stream stream);

 private:
  struct Watched {
    std::string name;
    size_t bytes;
  };

  std::vector<Watched> watched_;       // one row of a report each
  std::vector<DeviceBuffer> reports_;  // of kRows rows each, kept from pass to pass
  FenceArgs next_{};                   // the next launch: the last rows of watched_
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
