// SPDX-License-Identifier: Apache-2.0
// What becomes of one sum of a projection, shared by rmsnorm_qkv's kernels. Contract: rmsnorm_qkv_kernel.cuh.
#pragma once
#include "cuda/linear/linear_kernel.cuh"
#include "cuda/rmsnorm_qkv/rmsnorm_qkv.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

__device__ __forceinline__ void store_projected(const Projection& projection, int row, int column, float sum) {
  if (column >= projection.columns) return;
  const int64_t index = int64_t(row) * projection.columns + column;
  const float biased = biased_product(sum, projection.bias, column);  // A3 R3
  if (projection.y != nullptr) {
    projection.y[index] = to_bf16(biased);  // R4
  } else {
    projection.y32[index] = biased;
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
