// SPDX-License-Identifier: Apache-2.0
// Staging functors of gemm_tile.cuh: copies from row-major matrices in device memory to a tile in shared memory.
// Invariant: every element of the tile is written, +0 outside the matrix; values are copied, never changed.
// Left to others: sources that compute what they stage (rmsnorm/normed_rows.cuh).
#pragma once
#include <cstdint>

#include "cuda/gemm/gemm_tile.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// A row-major matrix: `rows` by `depth`, rows `stride` elements apart.
template <class T>
struct Rows {
  const T* data;
  int rows;
  int depth;
  int64_t stride;
};

__device__ __forceinline__ bf16 zero_of(bf16) { return {uint16_t{0}}; }
__device__ __forceinline__ float zero_of(float) { return 0.0f; }

/// True if every row can be read 16 bytes at a time without crossing its end.
template <class T>
__device__ __forceinline__ bool reads_in_16_bytes(const Rows<T>& source) {
  constexpr int kPerLoad = 16 / int(sizeof(T));
  return source.depth % kPerLoad == 0 && source.stride % kPerLoad == 0 &&
         reinterpret_cast<uintptr_t>(source.data) % 16 == 0;
}

/// Copies rows row0 ... row0 + tile_rows - 1 and columns k0 ... k0 + kTileDepth - 1 of `source`. All threads call it.
template <class T>
__device__ __forceinline__ void stage_rows(const Rows<T>& source, int row0, int tile_rows, int k0, T* tile) {
  constexpr int kPerLoad = 16 / int(sizeof(T));
  constexpr int kLoads = kTileDepth / kPerLoad;
  if (reads_in_16_bytes(source)) {
    for (int i = int(threadIdx.x); i < tile_rows * kLoads; i += int(blockDim.x)) {
      const int row = i / kLoads, k = i % kLoads * kPerLoad;
      const bool inside = row0 + row < source.rows && k0 + k < source.depth;
      const uint4 value =
          inside ? *reinterpret_cast<const uint4*>(source.data + int64_t(row0 + row) * source.stride + k0 + k)
                 : make_uint4(0, 0, 0, 0);
      *reinterpret_cast<uint4*>(tile + row * kTileStride + k) = value;
    }
    return;
  }
  for (int i = int(threadIdx.x); i < tile_rows * kTileDepth; i += int(blockDim.x)) {
    const int row = i / kTileDepth, k = i % kTileDepth;
    const bool inside = row0 + row < source.rows && k0 + k < source.depth;
    tile[row * kTileStride + k] = inside ? source.data[int64_t(row0 + row) * source.stride + k0 + k] : zero_of(T{});
  }
}

/// Copies the transpose: tile row r, column k is source row k0 + k, column column0 + r. For V, whose rows are keys.
__device__ __forceinline__ void stage_transposed(const Rows<bf16>& source, int column0, int tile_rows, int k0,
                                                 bf16* tile) {
  for (int i = int(threadIdx.x); i < tile_rows * kTileDepth; i += int(blockDim.x)) {
    const int k = i / tile_rows, row = i % tile_rows;
    const bool inside = k0 + k < source.rows && column0 + row < source.depth;
    tile[row * kTileStride + k] =
        inside ? source.data[int64_t(k0 + k) * source.stride + column0 + row] : zero_of(bf16{});
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
