// SPDX-License-Identifier: Apache-2.0
// What becomes of one sum of gate and one of up, shared by swiglu's kernels. Contract: swiglu_kernel.cuh.
#pragma once
#include "cuda/common/tap.h"
#include "cuda/elementwise/silu.cuh"
#include "cuda/linear/linear_kernel.cuh"
#include "cuda/swiglu/swiglu.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

template <Arithmetic kArithmetic, class Tap>
__device__ __forceinline__ void store_swiglu(const SwigluArgs& args, int row, int column, float gate, float up,
                                             const Tap& tap) {
  if (row >= args.norm.rows || column >= args.columns) return;
  const int64_t index = int64_t(row) * args.columns + column;
  const bf16 g = round_product(gate, args.gate_bias, column);  // A3 R3 R4
  const bf16 u = round_product(up, args.up_bias, column);      // A3 R3 R4
  const bf16 act = silu_value<Defect::none, kArithmetic>(g);   // R5
  tap.store(SwigluTap::kGate, index, g);
  tap.store(SwigluTap::kUp, index, u);
  tap.store(SwigluTap::kAct, index, act);
  args.y[index] = to_bf16(__fmul_rn(to_f32(act), to_f32(u)));  // R6 R7
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
