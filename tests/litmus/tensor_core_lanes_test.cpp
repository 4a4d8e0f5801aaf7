// SPDX-License-Identifier: Apache-2.0
// Rule: the tensor-core steps for 16 rows at a time give the bits of the scalar rule, on any input, whatever the CPU.
#include <cstring>

#include "cuda/twin/mma_step.h"
#include "support/catch.h"
#include "tests/litmus/random_mma.h"

using namespace plumbline::twin;
using plumbline::litmus::kMmaKinds;
using plumbline::litmus::MmaInput;

namespace {

MmaTile tile_of(const MmaInput& in, int tile) {
  MmaTile out;
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < 16; ++k) out.a[k][row] = in.a[size_t(tile * 256 + row * 16 + k)];
    for (int column = 0; column < 8; ++column) {
      std::memcpy(&out.c[column][row], &in.c[size_t(tile * 128 + row * 8 + column)], sizeof(float));
    }
  }
  for (int column = 0; column < 8; ++column) {
    for (int k = 0; k < 16; ++k) out.b[column][k] = in.b[size_t(tile * 128 + column * 16 + k)];
  }
  return out;
}

}  // namespace

TEST_CASE("every vectorised step equals the scalar rule bit for bit") {
  int count = 0;
  const MmaVariant* variants = mma_variants(count);
  REQUIRE(count >= 2);
  const auto& kind = kMmaKinds[GENERATE(range(0, int(std::size(kMmaKinds))))];
  constexpr int kTiles = 1500;
  const uint32_t seed = 20250701u;
  CAPTURE(kind.name, seed);
  const MmaInput in = random_mma(kind, kTiles, 16, seed);
  int64_t differing = 0;
  for (int t = 0; t < kTiles; ++t) {
    MmaTile expected = tile_of(in, t);
    MmaTile actual = expected;
    mma_step_scalar(expected);
    for (int v = 1; v < count; ++v) {
      std::memset(actual.d, 0xEE, sizeof actual.d);
      variants[v].step(actual);
      if (std::memcmp(expected.d, actual.d, sizeof actual.d) != 0) ++differing;
    }
  }
  CHECK(differing == 0);
}
