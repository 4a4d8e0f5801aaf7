// SPDX-License-Identifier: Apache-2.0
// Permutations from a small generator of our own: the standard library's shuffles differ between implementations.
#include "cuda/twin/schedule.h"

#include <numeric>
#include <utility>

#include "core/random.h"

namespace plumbline::twin {
namespace {

void shuffle(std::array<uint8_t, 32>& items, size_t count, SplitMix64& random) {
  for (size_t i = count; i > 1; --i) std::swap(items[i - 1], items[random.next() % i]);
}

}  // namespace

Schedule::Schedule(ScheduleOrder order, uint64_t seed, uint64_t block, int warps) : order_(order) {
  std::iota(warps_.begin(), warps_.end(), uint8_t{0});
  if (order == ScheduleOrder::reverse) {
    for (int i = 0; i < warps; ++i) warps_[size_t(i)] = uint8_t(warps - 1 - i);
  }
  if (order != ScheduleOrder::seeded) return;
  SplitMix64 random(seed * 0x100000001B3u + block);
  shuffle(warps_, size_t(warps), random);
  for (size_t warp = 0; warp < size_t(warps); ++warp) {
    std::iota(lanes_[warp].begin(), lanes_[warp].end(), uint8_t{0});
    shuffle(lanes_[warp], 32, random);
  }
}

}  // namespace plumbline::twin
