// SPDX-License-Identifier: Apache-2.0
// Rule: longer k is a chain of k16 steps in ascending k, each step's f32 result being the next one's addend; so which
// step a product falls into moves bits. Source: mma.sync by definition; cuBLAS on sm_90 was found to be the same chain.
#include "support/catch.h"
#include "tests/litmus/tensor_core.h"

using plumbline::litmus::tensor_core;
using plumbline::litmus::Term;

namespace {

constexpr Term kZero{0, 0}, kBig{0x1p12f, 0x1p12f}, kMinusBig{-0x1p12f, 0x1p12f}, kOne{1, 1};

}  // namespace

TEST_CASE("a small product is lost between steps and kept within one") {
  // 2^24 + 1 needs 25 bits: as the result of a step it is cut to 2^24; inside one step it is exact (E = 24, grid 2^-1).
  CHECK(tensor_core({kBig, kOne, kMinusBig}, 0) == 1.0f);
  CHECK(tensor_core({kBig,  kZero, kZero, kZero, kZero, kZero, kZero, kZero, kZero, kZero, kZero,
                     kZero, kZero, kZero, kZero, kZero, kOne,  kZero, kZero, kZero, kZero, kZero,
                     kZero, kZero, kZero, kZero, kZero, kZero, kZero, kZero, kZero, kZero, kMinusBig},
                    0) == 0.0f);
}

TEST_CASE("steps run in ascending k") {
  // 2^24, then -2^24, then 1: only in this order is 1 left.
  CHECK(tensor_core({kBig,  kZero, kZero, kZero, kZero, kZero,     kZero, kZero, kZero, kZero, kZero,
                     kZero, kZero, kZero, kZero, kZero, kMinusBig, kZero, kZero, kZero, kZero, kZero,
                     kZero, kZero, kZero, kZero, kZero, kZero,     kZero, kZero, kZero, kZero, kOne},
                    0) == 1.0f);
}
