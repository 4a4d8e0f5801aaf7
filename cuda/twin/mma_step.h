// SPDX-License-Identifier: Apache-2.0
// One tensor-core step m16n8k16 (bf16 in, f32 accumulated) as an sm_90 GPU computes it, three ways with the same bits:
// the scalar one is the rule as written, the two others compute 16 rows at a time. Contract: cuda/common/mma.h.
// Left to others: which lane holds what (collectives.cpp).
#pragma once
#include <cstdint>

namespace plumbline::twin {

/// Operands and result of one step; rows lie next to each other, since they are computed together.
struct MmaTile {
  alignas(64) uint16_t a[16][16];  ///< A[row][k] at [k][row], bf16
  alignas(64) float c[8][16];      ///< C[row][column] at [column][row]
  alignas(64) float d[8][16];      ///< the result, laid out as c
  alignas(64) uint16_t b[8][16];   ///< B[k][column] at [column][k], bf16
};

/// One output element by the rule itself: d = c + sum over k of a[k * stride] * b[k], 16 terms.
float mma_dot(const uint16_t* a, int stride, const uint16_t* b, float c);

using MmaStep = void (*)(MmaTile& tile);
/// The whole tile by mma_dot.
void mma_step_scalar(MmaTile& tile);
/// The fastest step for this CPU.
void mma_step(MmaTile& tile);

struct MmaVariant {
  const char* name;
  MmaStep step;
};
/// Every step that this CPU can run, slowest first (count in `count`).
const MmaVariant* mma_variants(int& count);

}  // namespace plumbline::twin
