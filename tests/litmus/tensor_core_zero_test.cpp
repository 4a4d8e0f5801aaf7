// SPDX-License-Identifier: Apache-2.0
// Rule: a sum of zero is +0, whatever the signs of its terms. Source: measured on an H200.
#include "support/catch.h"
#include "tests/litmus/tensor_core.h"

using plumbline::litmus::tensor_core_bits;

TEST_CASE("a zero sum is +0, also from negative zeros") {
  CHECK(tensor_core_bits({}, -0.0f) == 0u);
  CHECK(tensor_core_bits({{-0.0f, 1}, {1, -0.0f}}, -0.0f) == 0u);
  CHECK(tensor_core_bits({{-1, 1}}, 1) == 0u);
  CHECK(tensor_core_bits({{1, 1}}, -1) == 0u);
  CHECK(tensor_core_bits({{0x1p127f, 0x1p127f}, {-0x1p127f, 0x1p127f}}, 0) == 0u);  // beyond f32, cancelled
}

TEST_CASE("a zero operand does not set E") {
  // Were 0 * 2^127 to count with exponent 127 or so, 1 would be shifted out.
  CHECK(tensor_core_bits({{0, 0x1p127f}, {1, 1}}, 0) == 0x3F800000u);
}
