// SPDX-License-Identifier: Apache-2.0
// Random tensor-core tiles of several characters, for comparing two computations bit by bit. Invariant: a pure function
// of kind and seed.
#pragma once
#include <random>
#include <string>

#include "tests/litmus/litmus_kernels.h"

namespace plumbline::litmus {

struct MmaKind {
  const char* name;
  int exponent_low, exponent_high;  ///< biased exponent fields of a and b; 0 is subnormal, 255 NaN and Inf
  int addend_low, addend_high;      ///< of c
  bool cancelling;                  ///< products come in pairs that nearly cancel
  int zeros_in_1000;                ///< share of operands replaced by a zero of either sign
  int special_in_1000;              ///< share of operands replaced by a zero, Inf or NaN
};

inline constexpr MmaKind kMmaKinds[] = {
    {"around 1", 120, 134, 120, 134, false, 0, 0},
    {"40 binades", 107, 147, 97, 157, false, 0, 0},
    {"any finite exponent", 0, 254, 0, 254, false, 0, 0},
    {"cancelling", 117, 137, 90, 137, true, 0, 0},
    {"cancelling, any finite exponent", 0, 254, 0, 254, true, 0, 0},
    {"subnormal and huge operands", 0, 2, 0, 2, false, 0, 0},
    {"products near overflow", 186, 196, 250, 254, false, 0, 0},
    {"products near 2^-126", 60, 70, 0, 12, false, 0, 0},
    {"zeros among them", 120, 134, 120, 134, false, 300, 0},
    {"few products, all below 2^-126", 50, 75, 0, 0, false, 900, 0},
    {"specials among them", 120, 134, 120, 134, false, 0, 4},
    {"everything", 0, 255, 0, 255, true, 0, 20},
};

inline MmaInput random_mma(const MmaKind& kind, int tiles, int depth, uint32_t seed) {
  std::mt19937 random(seed);
  const auto between = [&](int low, int high) { return low + int(random() % uint32_t(high - low + 1)); };
  const auto special = [&] {
    constexpr uint16_t kSpecials[] = {0x0000, 0x8000, 0x7F80, 0xFF80, 0x7FC0, 0x7F81, 0x0000, 0x8000};
    return kSpecials[random() % 8];
  };
  const auto operand = [&] {
    if (kind.zeros_in_1000 > 0 && int(random() % 1000) < kind.zeros_in_1000) return uint16_t(random() & 0x8000u);
    if (kind.special_in_1000 > 0 && int(random() % 1000) < kind.special_in_1000) return special();
    return uint16_t((random() & 0x807Fu) | uint32_t(between(kind.exponent_low, kind.exponent_high)) << 7);
  };
  MmaInput in;
  in.depth = depth;
  in.a.resize(size_t(tiles * 16 * depth));
  in.b.resize(size_t(tiles * 8 * depth));
  in.c.resize(size_t(tiles * 128));
  for (size_t i = 0; i < in.a.size(); ++i) {
    in.a[i] = kind.cancelling && i % 2 == 1 ? uint16_t(in.a[i - 1] ^ 0x8000u) : operand();
  }
  const bool huge_partners = kind.exponent_high <= 2;  // else every product of subnormals would vanish
  for (size_t i = 0; i < in.b.size(); ++i) {
    in.b[i] = kind.cancelling && i % 2 == 1 ? uint16_t(in.b[i - 1] ^ (random() % 4)) : operand();
    if (huge_partners && i % 3 != 0) in.b[i] = uint16_t((in.b[i] & 0x807Fu) | uint32_t(between(230, 254)) << 7);
  }
  for (auto& c : in.c) c = (random() & 0x807FFFFFu) | uint32_t(between(kind.addend_low, kind.addend_high)) << 23;
  return in;
}

}  // namespace plumbline::litmus
