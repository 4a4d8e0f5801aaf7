// SPDX-License-Identifier: Apache-2.0
// Rule: a * b + c written as two operations rounds twice, __fmaf_rn rounds once; no compiler may turn one into the
// other
// (-ffp-contract=off here, --fmad=false for the GPU, whose default is to fuse).
#include <bit>
#include <cmath>

#include "support/catch.h"
#include "tests/litmus/litmus_kernels.h"

using plumbline::litmus::Unary;
using plumbline::litmus::Words;
using plumbline::twin::litmus::unary;

TEST_CASE("product and sum stay apart, and fma stays fused") {
  // x in [1, 2): x^2 has up to 47 bits, so rounding it before the sum shows in many of the results.
  int differing = 0;
  Words in;
  for (uint32_t fraction = 0; fraction < 1u << 20; ++fraction) in.push_back(0x3F800000u | (fraction * 8u + 3u));
  const Words apart = unary(Unary::fma_apart, in), fused = unary(Unary::fma_fused, in);
  for (size_t i = 0; i < in.size(); ++i) {
    const float x = std::bit_cast<float>(in[i]);
    const double square = double(x) * double(x);  // exact: 48 bits
    const float expected_apart = float(double(float(square)) + 1.0);
    const float expected_fused = float(square + 1.0);  // exact in f64 (at most 50 bits), then one rounding
    REQUIRE(std::bit_cast<float>(apart[i]) == expected_apart);
    REQUIRE(std::bit_cast<float>(fused[i]) == expected_fused);
    if (apart[i] != fused[i]) ++differing;
  }
  CHECK(differing > 0);
}
