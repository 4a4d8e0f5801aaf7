// SPDX-License-Identifier: Apache-2.0
// Rule: a result of zero is +0, whatever the signs of its terms, also where a negative sum is cut to nothing. Source:
// measured on an H200.
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

TEST_CASE("a negative sum that is cut to zero is +0") {
  CHECK(tensor_core_bits({{-0x1p-75f, 0x1p-75f}}, 0) == 0u);           // -2^-150, half of the least subnormal
  CHECK(tensor_core_bits({{-0x1p-75f, 0x1p-74f}}, 0) == 0x80000001u);  // -2^-149 itself is kept
}

TEST_CASE("a zero operand does not set E") {
  // Were 0 * 2^127 to count with exponent 127 or so, 1 would be shifted out.
  CHECK(tensor_core_bits({{0, 0x1p127f}, {1, 1}}, 0) == 0x3F800000u);
}
