// SPDX-License-Identifier: Apache-2.0
// Rule: with E the largest exponent of the terms, every term is truncated toward zero to a multiple of 2^(E - 25); all
// 17 terms are added at once; the sum is truncated to f32. Source: arXiv 2512.07004 and 2511.10909, and mma.sync on
// H100 and H200 (F = 24 and F = 26 differ there). In the tables below E = 0 because the largest term is 1 = 2^0, and it
// is cancelled, so that what is left of the small term shows.
#include "support/catch.h"
#include "tests/litmus/tensor_core.h"

using plumbline::litmus::tensor_core;
using plumbline::litmus::Term;

TEST_CASE("a term keeps 25 fractional bits below the largest exponent, no more and no less") {
  CHECK(tensor_core({{1, -1}, {0x1p-12f, 0x1p-13f}}, 1) == 0x1p-25f);  // F = 24 would give 0
  CHECK(tensor_core({{1, -1}, {0x1p-13f, 0x1p-13f}}, 1) == 0.0f);      // F = 26 would give 2^-26
  CHECK(tensor_core({{1, -1}, {0x1.8p-12f, 0x1p-13f}}, 1) ==
        0x1p-25f);  // 1.5 * 2^-25: the half is cut off, not rounded up
  CHECK(tensor_core({{1, -1}, {0x1.8p-12f, 0x1.8p-13f}}, 1) == 0x1p-24f);  // 2.25 * 2^-25 becomes 2 * 2^-25
}

TEST_CASE("truncation is toward zero for negative terms too") {
  CHECK(tensor_core({{1, -1}, {-0x1p-13f, 0x1p-13f}}, 1) == 0.0f);  // downward would give -2^-25
  CHECK(tensor_core({{1, -1}, {-0x1.8p-12f, 0x1p-13f}}, 1) == -0x1p-25f);
}

TEST_CASE("each term is truncated before the sum: four quarters are nothing, not one") {
  const Term quarter{0x1p-13f, 0x1p-14f};  // 2^-27
  CHECK(tensor_core({{1, -1}, quarter, quarter, quarter, quarter}, 1) == 0.0f);
}

TEST_CASE("the addend is truncated by the same rule") {
  // E = 4 from 4 * 4, cancelled: the grid is 2^-21.
  CHECK(tensor_core({{4, 4}, {-4, 4}}, 0x1.8p-21f) == 0x1p-21f);
  CHECK(tensor_core({{4, 4}, {-4, 4}}, 0x1.8p-22f) == 0.0f);
}

TEST_CASE("the exponent of a product is the sum of exponents, not renormalised") {
  // 1.5 * 1.5 = 2.25 enters with exponent 0: the grid is 2^-25, not 2^-24.
  CHECK(tensor_core({{1.5f, 1.5f}, {-1.5f, 1.5f}, {0x1p-12f, 0x1p-13f}}, 0) == 0x1p-25f);
}

TEST_CASE("the sum is truncated to f32, not rounded") {
  CHECK(tensor_core({{0x1.8p-12f, 0x1p-12f}}, 1) == 1.0f);  // 1 + 1.5 * 2^-24 lies nearer to 1 + 2^-23
  CHECK(tensor_core({{-0x1.8p-12f, 0x1p-12f}}, -1) == -1.0f);
}

TEST_CASE("all 16 products and the addend are added at once") {
  // Three products of 2^-24 in each half of k. At once: 1 + 6 * 2^-24 = 1 + 3 * 2^-23. In two halves of 8 (as sm_80
  // does): 1 + 3 * 2^-24 is cut to 1 + 2^-23, and that + 3 * 2^-24 to 1 + 2 * 2^-23. One after another: 1.
  const Term t{0x1p-12f, 0x1p-12f}, zero{0, 0};
  CHECK(tensor_core({t, t, t, zero, zero, zero, zero, zero, t, t, t}, 1) == 1.0f + 3 * 0x1p-23f);
}
