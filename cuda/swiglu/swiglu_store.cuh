// SPDX-License-Identifier: Apache-2.0
// What swiglu's kernels share: which weights lie side by side, and what becomes of one sum of gate and one of up.
// Contract: swiglu_kernel.cuh.
#pragma once
#include "cuda/common/tap.h"
#include "cuda/elementwise/gelu.cuh"
#include "cuda/elementwise/silu.cuh"
#include "cuda/linear/linear_kernel.cuh"
#include "cuda/swiglu/swiglu.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Row r of a tile of weights that starts with column0: of every 16 rows 8 are of gate and the next 8 of up, of the
/// same columns, so that one lane has both sums. Null past the end.
__device__ __forceinline__ const bf16* gate_or_up_row(const SwigluArgs& args, int column0, int r) {
  const int column = column0 + r / 16 * 8 + r % 8;
  if (column >= args.columns) return nullptr;
  return (r % 16 < 8 ? args.gate_weight : args.up_weight) + int64_t(column) * args.norm.columns;
}

template <Arithmetic kArithmetic, class Tap>
__device__ __forceinline__ void store_swiglu(const SwigluArgs& args, int row, int column, float gate, float up,
                                             const Tap& tap) {
  if (row >= args.norm.rows || column >= args.columns) return;
  const int64_t index = int64_t(row) * args.columns + column;
  const bf16 g = round_product(gate, args.gate_bias, column);  // A3 R3 R4
  const bf16 u = round_product(up, args.up_bias, column);      // A3 R3 R4
  bf16 act;
  if (kArithmetic == Arithmetic::portable && args.gelu) {
    act = gelu_tanh_value(g);  // R5
  } else {
    act = silu_value<Defect::none, kArithmetic>(g);  // R5
  }
  tap.store(SwigluTap::kGate, index, g);
  tap.store(SwigluTap::kUp, index, u);
  tap.store(SwigluTap::kAct, index, act);
  args.y[index] = to_bf16(__fmul_rn(to_f32(act), to_f32(u)));  // R6 R7
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
