// SPDX-License-Identifier: Apache-2.0
// Rule: NaN in any operand, 0 * Inf and Inf - Inf give 0x7FFFFFFF; infinities else keep their sign; a finite sum past
// f32's range becomes an infinity although the rounding is toward zero. Source: measured on an H200.
#include <limits>

#include "support/catch.h"
#include "tests/litmus/tensor_core.h"

using plumbline::litmus::tensor_core_bits;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kMax = std::numeric_limits<float>::max();
constexpr uint32_t kNan = 0x7FFFFFFFu, kPlusInf = 0x7F800000u, kMinusInf = 0xFF800000u;

}  // namespace

TEST_CASE("every NaN result is 0x7FFFFFFF") {
  const float quiet = std::bit_cast<float>(0xFFC10000u), signaling = std::bit_cast<float>(0x7F810000u);
  CHECK(tensor_core_bits({{quiet, 1}}, 0) == kNan);
  CHECK(tensor_core_bits({{1, signaling}}, 0) == kNan);
  CHECK(tensor_core_bits({}, std::bit_cast<float>(0xFF812345u)) == kNan);
  CHECK(tensor_core_bits({{quiet, 0}}, kInf) == kNan);
  CHECK(tensor_core_bits({{0, kInf}}, 1) == kNan);
  CHECK(tensor_core_bits({{1, kInf}, {-1, kInf}}, 0) == kNan);
  CHECK(tensor_core_bits({{1, kInf}}, -kInf) == kNan);
}

TEST_CASE("infinities keep their sign") {
  CHECK(tensor_core_bits({{1, kInf}}, -kMax) == kPlusInf);
  CHECK(tensor_core_bits({{-1, kInf}, {kInf, -2}}, 1) == kMinusInf);
  CHECK(tensor_core_bits({{1, 1}}, -kInf) == kMinusInf);
}

TEST_CASE("a sum of 2^128 or more is an infinity, anything less is cut to the largest float") {
  CHECK(tensor_core_bits({{0x1p51f, 0x1p52f}}, kMax) == 0x7F7FFFFFu);  // max + half a spacing
  CHECK(tensor_core_bits({{0x1p52f, 0x1p52f}}, kMax) == kPlusInf);     // max + one spacing = 2^128
  CHECK(tensor_core_bits({{-0x1p52f, 0x1p52f}}, -kMax) == kMinusInf);
  CHECK(tensor_core_bits({{0x1p127f, 0x1p127f}}, 0) == kPlusInf);
}
