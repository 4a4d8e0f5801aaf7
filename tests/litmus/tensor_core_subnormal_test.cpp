// SPDX-License-Identifier: Apache-2.0
// Rule: subnormal operands are neither flushed nor normalised: they enter with exponent -126 and a significand below 1,
// and E is taken from that exponent. Subnormal results are kept. Source: measured on an H200 (normalising first gives
// 32 % wrong outputs on subnormal input). Not covered: sums whose terms all lie below 2^-126
// (cuda/twin/mma_scalar.cpp).
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
