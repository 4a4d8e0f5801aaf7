// SPDX-License-Identifier: Apache-2.0
// How the product for few rows is cut into blocks. Host and device. Invariant: no choice here moves a bit. Left to
// others: the product (slab.cuh).
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "cuda/common/bf16.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kSlabThreads = 256;
inline constexpr int kSlabColumns = 16;  ///< of a warp's tile
inline constexpr int kSlabStep = 16;     ///< k of one tensor-core step
inline constexpr int kMostSlabRows = 16;
inline constexpr int kMostSlabColumns = 64;             ///< of a block
inline constexpr size_t kMostSharedBytes = 227 * 1024;  ///< of a block on sm_90
#if defined(__CUDACC__)
inline constexpr int kBlocksAtOnce = 132;  ///< the multiprocessors of an H100 or H200
#else
inline constexpr int kBlocksAtOnce = 4;  ///< the twin's blocks cost more than what is in them
#endif

struct SlabPlan {
  int rows;  ///< of x
  int depth;
  int columns;  ///< of a block: a multiple of 8, up to kMostSlabColumns
  int part_depth;

  /// Elements from row to row in shared memory: 32 bytes past a multiple of 128, so that the eight-byte loads of four
  /// rows meet 32 different banks.
  __host__ __device__ constexpr int stride() const { return depth + (80 - depth % 64) % 64; }
  __host__ __device__ constexpr int column_eights() const { return columns / 8; }
  __host__ __device__ constexpr int tiles() const { return (columns + kSlabColumns - 1) / kSlabColumns; }
  __host__ __device__ constexpr int parts() const {
    return part_depth >= depth ? 1 : (depth + part_depth - 1) / part_depth;
  }
  __host__ __device__ constexpr int eights() const { return (rows + 7) / 8; }
  __host__ __device__ constexpr int part_floats() const { return tiles() * (parts() - 1) * eights() * 4 * 32; }
  __host__ __device__ constexpr size_t bytes() const {
    return size_t(rows + columns) * size_t(stride()) * sizeof(bf16) + size_t(part_floats()) * sizeof(float);
  }
};

/// Columns of a block, so that `columns` make about one block for each multiprocessor.
constexpr int slab_columns(int64_t columns) {
  const int64_t eights = (columns + 7) / 8, each = (eights + kBlocksAtOnce - 1) / kBlocksAtOnce;
  return int(each < 4 ? each : 4) * 8;
}

/// Whether the product can be done so: few rows, whole tensor-core steps, room for it.
inline bool fits_slab(const SlabPlan& plan) {
  return plan.rows <= kMostSlabRows && plan.columns <= kMostSlabColumns && plan.depth % kSlabStep == 0 &&
         plan.part_depth % kSlabStep == 0 && plan.tiles() * plan.parts() <= kSlabThreads / 32 &&
         plan.bytes() <= kMostSharedBytes;
}

/// Calls `body` with std::integral_constant<int, eights>: turns the number into a template argument, on the host.
template <class Body>
void with_eights(const SlabPlan& plan, const Body& body) {
  static_assert(kMostSlabRows == 16, "one or two");
  if (plan.eights() == 1) return body(std::integral_constant<int, 1>{});
  body(std::integral_constant<int, 2>{});
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
