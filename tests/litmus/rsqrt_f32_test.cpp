// SPDX-License-Identifier: Apache-2.0
// Rule: rsqrt_f32 is a correctly rounded square root, then a correctly rounded division; within 1 ulp of the exact
// value, with the special values of those two operations. (torch.rsqrt is the special-function unit's: other bits.)
#include <bit>
#include <cmath>
#include <cstdio>

#include "support/catch.h"
#include "tests/litmus/litmus_kernels.h"
#include "tests/litmus/ulps.h"

using plumbline::litmus::ulps_from;
using plumbline::litmus::Unary;
using plumbline::litmus::Words;
using plumbline::twin::litmus::unary;

TEST_CASE("special values of rsqrt_f32") {
  CHECK(unary(Unary::rsqrt, Words{0x00000000u})[0] == 0x7F800000u);  // +0: +Inf
  CHECK(unary(Unary::rsqrt, Words{0x80000000u})[0] == 0xFF800000u);  // -0: -Inf
  CHECK(unary(Unary::rsqrt, Words{0x7F800000u})[0] == 0x00000000u);  // +Inf: 0
  CHECK(unary(Unary::rsqrt, Words{0xBF800000u})[0] == 0x7FFFFFFFu);  // -1: NaN
  CHECK(unary(Unary::rsqrt, Words{0x7FC00001u})[0] == 0x7FFFFFFFu);  // NaN
  CHECK(unary(Unary::rsqrt, Words{0x40800000u})[0] == 0x3F000000u);  // 4: 1/2
}

TEST_CASE("rsqrt_f32 rounds twice and stays within 1.5 ulp") {
  Words in;
  for (uint32_t bits = 1; bits < 0x7F800000u; bits += 1009) in.push_back(bits);
  const Words out = unary(Unary::rsqrt, in);
  double worst = 0.0;
  for (size_t i = 0; i < in.size(); ++i) {
    const double x = std::bit_cast<float>(in[i]);
    // Rounding an f64 square root or quotient to f32 is correct: f64 has more than twice the bits, plus two.
    const float root = float(std::sqrt(x));
    REQUIRE(std::bit_cast<float>(out[i]) == float(1.0 / double(root)));
    worst = std::fmax(worst, ulps_from(1.0 / std::sqrt(x), std::bit_cast<float>(out[i])));
  }
  std::printf("rsqrt_f32: largest error %.4f ulp over %zu values\n", worst, in.size());
  CHECK(worst < 1.5);
}
