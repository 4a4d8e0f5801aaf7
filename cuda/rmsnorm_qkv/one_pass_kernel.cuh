// SPDX-License-Identifier: Apache-2.0
// rmsnorm_qkv in one pass over x (variant `exact`): every block reads each element of its 16 rows from device memory
// once, into shared memory, and takes statistic and product from there. n = R(x * rstd) rounds before the product, so
// no product may start before the last square is summed: one pass means that the row is kept, not that it is streamed.
// Invariant: the bits of rmsnorm_qkv_kernel on every output and tap. Left to others: all arithmetic
// (rmsnorm_qkv_kernel.cuh).
// NUMERICS CONTRACT rmsnorm/llama, then linear/f32acc: rmsnorm_qkv_kernel.cuh under NormRounding::two, nothing added
//   special  rows that do not fit into shared memory are refused by the host: 16 rows of 2 bytes a column
//   repeat   x may be overwritten once a block has begun its statistic: nothing is read from it again
//   checked  tests/kernel/rmsnorm_qkv
#pragma once
#include "cuda/rmsnorm_qkv/rmsnorm_qkv_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Shared memory for the rows of one tile.
__host__ __device__ constexpr size_t row_bytes(int columns) {
  return size_t(kTileRows) * size_t(columns) * sizeof(bf16);
}

/// Copies the tile's rows, which lie side by side; rows past the end are left as they are, since nothing reads them.
__device__ __forceinline__ void keep_rows(const NormInput& norm, int row0, bf16* kept) {
  constexpr int kPerLoad = 16 / int(sizeof(bf16));
  const int rows = norm.rows - row0 < kTileRows ? norm.rows - row0 : kTileRows;
  const bf16* source = rows_of(norm, row0);
  const int count = rows * norm.columns;
  const int loads = reinterpret_cast<uintptr_t>(source) % 16 == 0 ? count / kPerLoad : 0;
  for (int i = int(threadIdx.x); i < loads; i += int(blockDim.x))
    reinterpret_cast<uint4*>(kept)[i] = reinterpret_cast<const uint4*>(source)[i];
  for (int i = loads * kPerLoad + int(threadIdx.x); i < count; i += int(blockDim.x)) kept[i] = source[i];
}

template <Arithmetic kArithmetic, class Tap>
__global__ void rmsnorm_qkv_one_pass_kernel(RmsNormQkvArgs args, Tap tap) {
  unsigned char* shared = dynamic_shared<unsigned char>();
  bf16* kept = reinterpret_cast<bf16*>(shared);
  keep_rows(args.norm, int(blockIdx.y) * kTileRows, kept);
  __syncthreads();
  project_tile<NormRounding::two, Operands::as_given, kArithmetic>(args, kept, shared + row_bytes(args.norm.columns),
                                                                   tap);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
