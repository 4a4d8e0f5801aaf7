// SPDX-License-Identifier: Apache-2.0
// Stacks for fibers, kept for the life of their owner since mapping costs far more than running a block. Invariant: an
// unmapped page lies below each stack, so an overflow faults instead of trampling a neighbour.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace plumbline::twin {

class StackPool {
 public:
  StackPool() = default;
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  /// The stack number `index`, mapped at its first use. Throws BackendError if the system has no room.
  std::span<std::byte> stack(size_t index);

 private:
  std::vector<std::byte*> mappings_;  // each: one guard page, then kStackBytes
};

}  // namespace plumbline::twin
