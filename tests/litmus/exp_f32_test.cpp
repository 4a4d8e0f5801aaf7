// SPDX-License-Identifier: Apache-2.0
// Rule: exp_f32 lies within 0.9 ulp of e^x over its whole range and has the stated special values. The exact value is
// taken from the C library in f64.
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

TEST_CASE("special values of exp_f32") {
  struct Case {
    uint32_t x, expected;
    const char* why;
  };
  const Case cases[] = {{0x00000000u, 0x3F800000u, "0"},
                        {0x80000000u, 0x3F800000u, "-0"},
                        {0x00000001u, 0x3F800000u, "the least subnormal"},
                        {0x7F800000u, 0x7F800000u, "Inf"},
                        {0xFF800000u, 0x00000000u, "-Inf"},
                        {0x7FC00000u, 0x7FFFFFFFu, "NaN"},
                        {0xFF812345u, 0x7FFFFFFFu, "a signalling NaN"},
                        {0x42B17218u, 0x7F800000u, "88.7228394, the least x that overflows"},
                        {0xC2CFF1B5u, 0x00000000u, "-103.972084: below half of 2^-149"},
                        {0xC2CFF1B4u, 0x00000001u, "-103.972076: above it"},
                        {0xFF7FFFFFu, 0x00000000u, "the least finite float"}};
  for (const Case& c : cases) {
    INFO(c.why);
    CHECK(unary(Unary::exp, Words{c.x})[0] == c.expected);
  }
}

TEST_CASE("exp_f32 lies within 0.9 ulp of e^x over a dense sweep of bit patterns") {
  // Every 211th pattern between +-2^-30 and the ends of the range, both signs; smaller |x| all give 1 (checked above).
  Words in;
  for (uint32_t bits = 0x30800000u; bits <= 0x42B17217u; bits += 211) in.push_back(bits);
  for (uint32_t bits = 0xB0800000u; bits <= 0xC2CFF1B4u; bits += 211) in.push_back(bits);
  const Words out = unary(Unary::exp, in);
  double worst = 0.0;
  float worst_x = 0.0f;
  for (size_t i = 0; i < in.size(); ++i) {
    const float x = std::bit_cast<float>(in[i]);
    const double error = ulps_from(std::exp(double(x)), std::bit_cast<float>(out[i]));
    if (error > worst) {
      worst = error;
      worst_x = x;
    }
  }
  std::printf("exp_f32: largest error %.4f ulp at x = %a, over %zu values\n", worst, double(worst_x), in.size());
  CHECK(worst < 0.9);
}
