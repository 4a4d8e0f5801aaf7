// SPDX-License-Identifier: Apache-2.0
// y = x W^T (+ bias), and the same with the residual added: every projection that is not fused into a norm, and the
// logits. Invariant: reads its inputs, writes all of y and every wanted tap. Left to others: products behind a norm
// (rmsnorm_qkv, swiglu). Contract: linear_kernel.cuh.
#pragma once
#include "cuda/common/bf16.h"
#include "cuda/common/launch.h"
#include "cuda/common/tap.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

struct LinearArgs {
  const void* x;         ///< [rows, depth]: bf16, or f32 if x_is_f32
  bool x_is_f32;         ///< then the product runs on CUDA cores
  const bf16* weight;    ///< [columns, depth]
  const bf16* bias;      ///< [columns], or null
  const bf16* residual;  ///< [rows, columns], or null: y is the rounded product
  bf16* y;               ///< [rows, columns]
  int rows;
  int columns;
  int depth;
  int part_depth = 0;  ///< k is summed in parts of this size, which are then added in order; 0: one part
};

/// bf16 [rows, columns]: the rounded product where a residual is added to it.
struct LinearTap {
  static constexpr int kProduct = 0, kCount = 1;
};

/// No rows: nothing happens. Throws BackendError for a null pointer, extents below 1, a part that is not whole
/// tensor-core steps or a block that is not whole warps.
void linear(const LinearArgs& args, const RecordTap* taps, int block_threads, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
