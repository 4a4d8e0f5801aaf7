// SPDX-License-Identifier: Apache-2.0
// Rule: subnormal operands are neither flushed nor normalised: they enter with exponent -126 and a significand below 1,
// and E is taken from that exponent. Subnormal results are kept. Source: measured on an H200 (normalising first gives
// 32 % wrong outputs on subnormal input).
#include "support/catch.h"
#include "tests/litmus/tensor_core.h"

using plumbline::litmus::tensor_core;

namespace {

constexpr float kTiniestBf16 = 0x1p-133f;

}  // namespace

TEST_CASE("a subnormal operand counts") { CHECK(tensor_core({{kTiniestBf16, 0x1p120f}}, 0) == 0x1p-13f); }

TEST_CASE("a subnormal operand sets E by its exponent field, not by its value") {
  // 2^-133 * 2^120 = 2^-13 enters with exponent -126 + 120 = -6, so the grid is 2^-31 and 2^-32 vanishes.
  // Normalised it would be -13, the grid 2^-38, and 2^-32 would be left.
  CHECK(tensor_core({{kTiniestBf16, 0x1p120f}, {0x1p-16f, 0x1p-16f}}, -0x1p-13f) == 0.0f);
  // The same value from normal operands.
  CHECK(tensor_core({{0x1p-6f, 0x1p-7f}, {0x1p-16f, 0x1p-16f}}, -0x1p-13f) == 0x1p-32f);
}

TEST_CASE("subnormal results and addends are kept") {
  CHECK(tensor_core({{0x1p-126f, 0x1p-14f}}, 0) == 0x1p-140f);
  CHECK(tensor_core({}, 0x1p-149f) == 0x1p-149f);
  CHECK(tensor_core({}, -0x1.8p-140f) == -0x1.8p-140f);
  CHECK(tensor_core({{1, 0x1p-126f}}, -0x1.fp-127f) == 0x1p-131f);
}

TEST_CASE("E is never below -133: the grid is never finer than 2^-158") {
  // 2^-149 less a little is cut to 0, the last bit being 2^-149; if the little is below the grid, 2^-149 stays.
  // 2^-159 vanishes (a floor of -134 would give 0); 2^-158 counts (a floor of -132 would leave 2^-149).
  CHECK(tensor_core({{0x1p-75f, 0x1p-74f}, {-0x1p-80f, 0x1p-79f}}, 0) == 0x1p-149f);
  CHECK(tensor_core({{0x1p-75f, 0x1p-74f}, {-0x1p-79f, 0x1p-79f}}, 0) == 0.0f);
}
