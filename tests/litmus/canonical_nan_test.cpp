// SPDX-License-Identifier: Apache-2.0
// Rule: a NaN computed by a GPU's f32 units is 0x7FFFFFFF, whatever NaN went in; x86 would keep the payload, or make
// 0xFFC00000 of Inf - Inf. Checked against a GPU in gpu_equality_test.cpp.
#include "support/catch.h"
#include "tests/litmus/litmus_kernels.h"

using plumbline::litmus::Binary;
using plumbline::litmus::Unary;
using plumbline::litmus::Words;
using plumbline::twin::litmus::binary;
using plumbline::twin::litmus::unary;

TEST_CASE("single operations give one NaN") {
  constexpr uint32_t kOne = 0x3F800000u, kInf = 0x7F800000u, kMinusInf = 0xFF800000u, kNan = 0x7FFFFFFFu;
  struct Case {
    Binary op;
    uint32_t a, b;
  };
  const Case cases[] = {{Binary::add, kInf, kMinusInf},
                        {Binary::add, 0xFFC12345u, kOne},
                        {Binary::add, kOne, 0x7F800001u},
                        {Binary::subtract, kInf, kInf},
                        {Binary::multiply, kInf, 0x80000000u},
                        {Binary::multiply, 0xFFFFFFFFu, kOne},
                        {Binary::divide, 0, 0},
                        {Binary::divide, kInf, kMinusInf},
                        {Binary::max, 0x7FC00000u, kOne},
                        {Binary::max, kMinusInf, 0xFFC00000u}};
  for (const Case& c : cases) {
    CAPTURE(int(c.op), c.a, c.b);
    CHECK(binary(c.op, Words{c.a}, Words{c.b})[0] == kNan);
  }
  CHECK(unary(Unary::fma_fused, Words{0xFFC00000u})[0] == kNan);
  CHECK(unary(Unary::rsqrt, Words{0xBF800000u})[0] == kNan);
}
