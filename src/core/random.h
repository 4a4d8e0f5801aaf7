// SPDX-License-Identifier: Apache-2.0
// Random numbers that are the same with every compiler and library; for noise, test data and schedules, not for keys.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace plumbline {

/// SplitMix64 (Steele, Lea, Flood 2014): the whole state is one counter.
class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t state) : state_(state) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  /// [0, 1), a multiple of 2^-53.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  /// Nearly normal: the sum of twelve uniforms less 6 has mean 0 and variance 1, and needs no logarithm.
  double normal() {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }

 private:
  uint64_t state_;
};

/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, as in Random123): a function of counter and key, without any state.
constexpr std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53u} * counter[0], b = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

/// FNV-1a: a state from a name.
constexpr uint64_t fnv1a(std::string_view text, uint64_t basis = 0xCBF29CE484222325u) {
  for (const char c : text) basis = (basis ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return basis;
}

}  // namespace plumbline
