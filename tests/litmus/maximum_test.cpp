// SPDX-License-Identifier: Apache-2.0
// Rule (our choice): a maximum is NaN if either side is, and +0 above -0, so that its bits do not depend on order. The
// hardware's own maximum returns the other operand for a NaN.

#include "support/catch.h"
#include "tests/litmus/litmus_kernels.h"

using plumbline::litmus::Binary;
using plumbline::litmus::Words;
using plumbline::twin::litmus::binary;

TEST_CASE("the maximum commutes and associates in its bits") {
  const Words values{0x00000000u, 0x80000000u, 0x3F800000u, 0xBF800000u, 0x7F800000u,
                     0xFF800000u, 0x7FC00000u, 0x00000001u, 0x80000001u, 0xFFFFFFFFu};
  const auto max = [](uint32_t a, uint32_t b) { return binary(Binary::max, Words{a}, Words{b})[0]; };
  CHECK(max(0x00000000u, 0x80000000u) == 0x00000000u);
  CHECK(max(0x80000001u, 0x80000000u) == 0x80000000u);
  CHECK(max(0xFF800000u, 0x3F800000u) == 0x3F800000u);
  for (const uint32_t a : values) {
    for (const uint32_t b : values) {
      CHECK(max(a, b) == max(b, a));
      for (const uint32_t c : {0x80000000u, 0x7FC00000u, 0x3F800000u}) CHECK(max(max(a, b), c) == max(a, max(b, c)));
    }
  }
}
