// SPDX-License-Identifier: Apache-2.0
// Single operations as kernels, once for each build, so that a test can ask the twin and a GPU the same question.
// Floats travel as bits: NaN payloads and signs of zero count. Invariant: element i of the result depends on element i
// of the inputs only. Left to others: what the answers should be.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace plumbline::litmus {

/// fma_apart: a * a + 1 spelled as product and sum; fma_fused: as one fma.
enum class Unary { exp, rsqrt, to_bf16, fma_apart, fma_fused };
enum class Binary { add, subtract, multiply, divide, max };

using Words = std::vector<uint32_t>;
using WordView = std::span<const uint32_t>;

/// Tiles of D = A B + C: per tile A is 16 rows of `depth` bf16, B 8 rows of `depth` (B transposed), C 16 rows of 8 f32.
/// `depth` is a multiple of 16.
struct MmaInput {
  int depth = 16;
  std::vector<uint16_t> a, b;
  Words c;
  int tiles() const { return int(c.size() / 128); }
};

}  // namespace plumbline::litmus

// The same functions in both builds. gpu_present: a device that runs sm_90 code; on the twin always false.
#define PLUMBLINE_LITMUS_FUNCTIONS                                                             \
  plumbline::litmus::Words unary(plumbline::litmus::Unary op, plumbline::litmus::WordView in); \
  plumbline::litmus::Words binary(plumbline::litmus::Binary op, plumbline::litmus::WordView a, \
                                  plumbline::litmus::WordView b);                              \
  /* sums of warps of 32 values, and of blocks of 256 (every thread's result) */               \
  plumbline::litmus::Words warp_sums(plumbline::litmus::WordView in);                          \
  plumbline::litmus::Words block_sums(plumbline::litmus::WordView in);                         \
  plumbline::litmus::Words mma(const plumbline::litmus::MmaInput& in);                         \
  bool gpu_present();
namespace plumbline::twin::litmus {
PLUMBLINE_LITMUS_FUNCTIONS
}
namespace plumbline::cuda::litmus {
PLUMBLINE_LITMUS_FUNCTIONS
}
#undef PLUMBLINE_LITMUS_FUNCTIONS
