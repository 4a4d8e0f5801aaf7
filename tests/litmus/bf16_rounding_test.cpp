// SPDX-License-Identifier: Apache-2.0
// Rule: f32 to bf16 rounds to nearest, ties to even, subnormals included, past the largest finite value to infinity;
// any NaN becomes 0x7FFF (CUDA's canonical NaN; PyTorch's host conversion gives 0x7FC0).
#include <bit>
#include <cmath>
#include <vector>

#include "support/catch.h"
#include "tests/litmus/litmus_kernels.h"

using plumbline::litmus::Unary;
using plumbline::litmus::Words;
using plumbline::twin::litmus::unary;

TEST_CASE("bf16 rounding at ties, edges and specials") {
  struct Case {
    uint32_t f32;
    uint32_t bf16;
    const char* why;
  };
  const Case cases[] = {
      {0x3F800000u, 0x3F80, "1 is exact"},
      {0x3F808000u, 0x3F80, "a tie goes to the even neighbour, down"},
      {0x3F818000u, 0x3F82, "a tie goes to the even neighbour, up"},
      {0x3F808001u, 0x3F81, "above the tie"},
      {0x3F807FFFu, 0x3F80, "below the tie"},
      {0x3FFF8000u, 0x4000, "a carry into the exponent"},
      {0xBF818000u, 0xBF82, "signs do not matter"},
      {0x7F7F7FFFu, 0x7F7F, "below the middle between the largest bf16 and 2^128"},
      {0x7F7F8000u, 0x7F80, "the middle: infinity"},
      {0x7F800000u, 0x7F80, "infinity"},
      {0xFF800000u, 0xFF80, "minus infinity"},
      {0x00008000u, 0x0000, "a subnormal tie to even"},
      {0x00018000u, 0x0002, "a subnormal tie to even, up"},
      {0x80000000u, 0x8000, "minus zero"},
      {0x7F800001u, 0x7FFF, "a NaN whose payload lies in the lower half only"},
      {0xFFC00000u, 0x7FFF, "a negative NaN"},
  };
  Words in;
  for (const Case& c : cases) in.push_back(c.f32);
  const Words out = unary(Unary::to_bf16, in);
  for (size_t i = 0; i < in.size(); ++i) {
    INFO(cases[i].why);
    CHECK(out[i] == cases[i].bf16);
  }
}

TEST_CASE("the bf16 result is the nearest one, by exact distances in f64") {
  Words in;
  for (uint32_t bits = 0; bits < 0x7F000000u; bits += 9973) in.push_back(bits);
  const Words out = unary(Unary::to_bf16, in);
  for (size_t i = 0; i < in.size(); ++i) {
    const double exact = std::bit_cast<float>(in[i]);
    const auto distance = [&](uint32_t bf16) { return std::fabs(double(std::bit_cast<float>(bf16 << 16)) - exact); };
    REQUIRE(distance(out[i]) <= distance(out[i] + 1));
    if (out[i] > 0) REQUIRE(distance(out[i]) <= distance(out[i] - 1));
  }
}
