// SPDX-License-Identifier: Apache-2.0
// Permutations from a small generator of our own: the standard library's shuffles differ between implementations.
#include "cuda/twin/schedule.h"

#include <numeric>
#include <utility>

namespace plumbline::twin {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014).
uint64_t next_random(uint64_t& state) {
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

void shuffle(std::array<uint8_t, 32>& items, size_t count, uint64_t& state) {
  for (size_t i = count; i > 1; --i) std::swap(items[i - 1], items[next_random(state) % i]);
}

}  // namespace

Schedule::Schedule(ScheduleOrder order, uint64_t seed, uint64_t block, int warps) : order_(order) {
  std::iota(warps_.begin(), warps_.end(), uint8_t{0});
  if (order == ScheduleOrder::reverse) {
    for (int i = 0; i < warps; ++i) warps_[size_t(i)] = uint8_t(warps - 1 - i);
  }
  if (order != ScheduleOrder::seeded) return;
  uint64_t state = seed * 0x100000001B3u + block;
  shuffle(warps_, size_t(warps), state);
  for (size_t warp = 0; warp < size_t(warps); ++warp) {
    std::iota(lanes_[warp].begin(), lanes_[warp].end(), uint8_t{0});
    shuffle(lanes_[warp], 32, state);
  }
}

}  // namespace plumbline::twin
