// SPDX-License-Identifier: Apache-2.0
// The one matrix product of the project: a block's tile of A W^T, 16 rows by 16 columns a warp, for any source of A and
// W. Invariant: one output is one chain over ascending k, whatever the tile, the block size or the place of the row.
// Left to others: where A and W come from (the staging functors), what becomes of the f32 accumulator (the kernels).
// NUMERICS CONTRACT gemm_tile/v1
//   types    activations bf16 (tensor cores) or f32 (CUDA cores); weights bf16; accumulator f32
//   order    A1 bf16: c starts at +0 and takes one mma_m16n8k16 step for k = 0..15, 16..31, ... ascending; the last
//   step
//            is filled with zeros   A2 f32: c starts at +0 and takes one fma per k, ascending
//   rounding R1 bf16: mma_m16n8k16/sm90 (truncation, see cuda/common/mma.h)   R2 f32: one nearest-even per fma
//   special  what mma and fma do: NaN and 0 * Inf give NaN. Zero filling adds +0 products only: it changes no value,
//   but
//            turns a -0 into +0
//   repeat   the same bits for any number of warps, rows and column tiles; void on tensor cores other than sm_90's
//   source   our choice; equal to cuBLAS on sm_90 wherever that runs one k16 chain (most bf16 shapes, measured on H100
//   and
//            H200); a split over k differs
//   checked  tests/kernel/linear
#pragma once
#include <type_traits>

#include "cuda/common/bf16.h"
#include "cuda/common/defect.h"
#include "cuda/common/kernel.h"
#include "cuda/common/mma.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kTileRows = 16;                ///< rows of A a block
inline constexpr int kTileDepth = 64;               ///< k staged at once
inline constexpr int kStepDepth = 16;               ///< k of one tensor-core step
inline constexpr int kWarpColumns = 16;             ///< columns a warp: two n8 halves
inline constexpr int kTileStride = kTileDepth + 8;  ///< elements from row to row in shared memory: no bank conflicts

/// Columns of a block with `threads` threads.
__host__ __device__ constexpr int tile_columns(int threads) { return threads / 32 * kWarpColumns; }

/// Shared memory of one block that multiplies one tile of A with `matrices` tiles of W.
template <class Activation>
__host__ __device__ constexpr size_t tile_bytes(int threads, int matrices) {
  return sizeof(Activation) * kTileRows * kTileStride +
         sizeof(bf16) * size_t(matrices) * size_t(tile_columns(threads)) * kTileStride;
}

/// What one thread holds of its warp's 16x16 outputs, for each matrix: two halves of 8 columns, four values each in the
/// fragment layout of mma_m16n8k16.
template <int kMatrices>
struct Accumulator {
  float d[kMatrices][2][4];
};

/// The place of value `i` of half `half` in the block's tile.
__device__ __forceinline__ int tile_row(int i) { return int(threadIdx.x) % 32 / 4 + i / 2 * 8; }
__device__ __forceinline__ int tile_column(int half, int i) {
  return int(threadIdx.x) / 32 * kWarpColumns + half * 8 + int(threadIdx.x) % 4 * 2 + i % 2;
}

/// Two neighbours of a staged row as one register, the lower column in the lower half. `pair` is 4-byte aligned, since
/// columns and stride are even.
__device__ __forceinline__ uint32_t load_pair(const bf16* pair) { return *reinterpret_cast<const uint32_t*>(pair); }

/// One k16 step of both halves of a warp's tile, for one matrix.
__device__ __forceinline__ void multiply_step(float (&d)[2][4], const bf16* a, const bf16* w,
                                              int k PLUMBLINE_WHERE_PARAM) {
  const int lane = int(threadIdx.x) % 32;
  const bf16* row = a + lane / 4 * kTileStride + k + lane % 4 * 2;
  const uint32_t fragment[4] = {load_pair(row), load_pair(row + 8 * kTileStride), load_pair(row + 8),
                                load_pair(row + 8 * kTileStride + 8)};
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int column = int(threadIdx.x) / 32 * kWarpColumns + half * 8 + lane / 4;
    const bf16* weights = w + column * kTileStride + k + lane % 4 * 2;
    const uint32_t b[2] = {load_pair(weights), load_pair(weights + 8)};
    mma_m16n8k16(d[half], fragment, b, d[half] PLUMBLINE_WHERE_ARG);  // A1 R1
  }
}

/// The same tile on CUDA cores: every thread chains its own eight outputs over `depth` values of k.
__device__ __forceinline__ void multiply_chain(float (&d)[2][4], const float* a, const bf16* w, int depth) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float* row = a + tile_row(i) * kTileStride;
      const bf16* weights = w + tile_column(half, i) * kTileStride;
      float sum = d[half][i];
      for (int k = 0; k < depth; ++k) sum = __fmaf_rn(row[k], to_f32(weights[k]), sum);  // A2 R2
      d[half][i] = sum;
    }
  }
}

/// Rounds a warp's part of the accumulator to bf16: what a bf16 accumulator would hold.
__device__ __forceinline__ void round_accumulator(float (&d)[2][4]) {
  for (auto& half : d) {
    for (float& value : half) value = to_f32(to_bf16(value));
  }
}

/// Accumulates the block's tile over all k. `stage_a(k0, tile)` and `stage_w(matrix, k0, tile)` are called by all
/// threads and fill kTileDepth columns of every row of their tile (rows kTileStride apart), with zeros outside the
/// matrix. `shared` holds tile_bytes<Activation>(blockDim.x, kMatrices) and is free again only after the next barrier.
template <class Activation, Defect kDefect = Defect::none, int kMatrices, class StageA, class StageW>
__device__ void accumulate_tile(Accumulator<kMatrices>& accumulator, int depth, unsigned char* shared,
                                const StageA& stage_a, const StageW& stage_w PLUMBLINE_WHERE_PARAM) {
  static_assert(std::is_same_v<Activation, bf16> || std::is_same_v<Activation, float>);
  Activation* a = reinterpret_cast<Activation*>(shared);
  bf16* w = reinterpret_cast<bf16*>(a + kTileRows * kTileStride);
  const int matrix_elements = tile_columns(int(blockDim.x)) * kTileStride;
  for (auto& matrix : accumulator.d) {
    for (auto& half : matrix) {
      for (float& value : half) value = 0.0f;
    }
  }
  if constexpr (kDefect == Defect::k_tail_lost) depth = (depth - 1) / kStepDepth * kStepDepth;
  for (int k0 = 0; k0 < depth; k0 += kTileDepth) {
    PLUMBLINE_BLOCK_BARRIER();  // the tile before has been read by every warp
    stage_a(k0, a);
    for (int matrix = 0; matrix < kMatrices; ++matrix) {
      if constexpr (kDefect == Defect::stale_tile) {
        if (k0 / kTileDepth % 2 == 1) continue;
      }
      stage_w(matrix, k0, w + matrix * matrix_elements);
    }
    if constexpr (kDefect == Defect::missing_barrier) {
      // The first tile keeps its barrier, as in the prologue of a pipelined loop: what is read too early is the tile
      // before and never memory that nobody wrote.
      if (k0 == 0) {
        PLUMBLINE_BLOCK_BARRIER();
      } else {
        __syncwarp();
      }
    } else {
      PLUMBLINE_BLOCK_BARRIER();
    }
    const int staged = depth - k0 < kTileDepth ? depth - k0 : kTileDepth;
#pragma unroll
    for (int matrix = 0; matrix < kMatrices; ++matrix) {
      const bf16* weights = w + matrix * matrix_elements;
      if constexpr (std::is_same_v<Activation, bf16>) {
        for (int k = 0; k < staged; k += kStepDepth) {
          multiply_step(accumulator.d[matrix], a, weights, k PLUMBLINE_WHERE_ARG);
          if constexpr (kDefect == Defect::bf16_accumulator) round_accumulator(accumulator.d[matrix]);
        }
      } else {
        multiply_chain(accumulator.d[matrix], a, weights, staged);
        if constexpr (kDefect == Defect::bf16_accumulator) round_accumulator(accumulator.d[matrix]);
      }
    }
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
