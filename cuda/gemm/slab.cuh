// SPDX-License-Identifier: Apache-2.0
// The product for few rows (decode): a block fetches all of its columns' weights at once, without waiting for the
// launch before it, and then runs one chain of tensor-core steps per 16 columns. Weights are the A operand, the rows of
// x the B operand: 8 of them a step. Invariant: the bits of gemm_tile/v1. Left to others: what fills the rows of x,
// what becomes of the sums (the kernels); more rows (gemm_tile.cuh, panel.cuh).
// NUMERICS CONTRACT gemm_slab/v1: gemm_tile/v1 for bf16, and where the host asks for parts, one chain a part, added in
//   ascending order
//   order    a step's 16 products and its c are added at once (mma_m16n8k16/sm90), so neither the operands' roles nor
//            the places of the 16 k within a step matter: each lane takes four neighbours, one load of 8 bytes
//   checked  tests/kernel/linear, rmsnorm_qkv, swiglu: bit for bit against gemm_tile
#pragma once
#include <cstdint>

#include "cuda/common/async_copy.h"
#include "cuda/common/bf16.h"
#include "cuda/common/dependent_launch.h"
#include "cuda/common/mma.h"
#include "cuda/gemm/slab_plan.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kSlabGroups = 4;  ///< of asynchronous copies: the chain starts when the first quarter is there

/// Where the pieces lie in the block's dynamic shared memory.
struct SlabMemory {
  bf16* x;        ///< [plan.rows], rows plan.stride() apart
  bf16* weights;  ///< [plan.columns], the same
  float* parts;   ///< of chains that are added to the first
  unsigned char* rest;
};

__device__ __forceinline__ SlabMemory slab_memory(const SlabPlan& plan) {
  SlabMemory memory;
  memory.x = dynamic_shared<bf16>();
  memory.weights = memory.x + plan.rows * plan.stride();
  memory.parts = reinterpret_cast<float*>(memory.weights + plan.columns * plan.stride());
  memory.rest = reinterpret_cast<unsigned char*>(memory.parts + plan.part_floats());
  return memory;
}

/// The k of group `group` in part `part`: first ... last - 1.
struct SlabRange {
  int first, last;
};
__device__ __forceinline__ SlabRange slab_range(const SlabPlan& plan, int part, int group) {
  const int quarter = (plan.part_depth / kSlabGroups + kSlabStep - 1) / kSlabStep * kSlabStep;
  const int begin = part * plan.part_depth, end = min(begin + plan.part_depth, plan.depth);
  const int first = min(begin + group * quarter, end);
  return {first, group + 1 == kSlabGroups ? end : min(first + quarter, end)};
}

/// Starts the copies of all weights, quarter by quarter; `row_of(r)` is row r of the slab in device memory, null past
/// the end. All threads of the block call it.
template <class RowOf>
__device__ __forceinline__ void fetch_slab(const SlabPlan& plan, const SlabMemory& memory, const RowOf& row_of) {
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32, warps = int(blockDim.x) / 32;
  for (int group = 0; group < kSlabGroups; ++group) {
    for (int r = warp; r < plan.columns; r += warps) {
      const bf16* source = row_of(r);
      if (source == nullptr) continue;
      for (int part = 0; part < plan.parts(); ++part) {
        const SlabRange range = slab_range(plan, part, group);
        for (int k = range.first + lane * 8; k < range.last; k += 32 * 8)
          async_copy_16(memory.weights + r * plan.stride() + k, source + k);
      }
    }
    async_commit();
  }
}

/// Copies `rows` rows of `depth` from device memory; all threads of the block call it.
__device__ __forceinline__ void copy_rows(const SlabPlan& plan, const bf16* source, bf16* target) {
  const int per_row = plan.depth / 8;
  for (int r = 0; r < plan.rows; ++r) {
    for (int i = int(threadIdx.x); i < per_row; i += int(blockDim.x))
      *reinterpret_cast<uint4*>(target + r * plan.stride() + i * 8) =
          *reinterpret_cast<const uint4*>(source + int64_t(r) * plan.depth + i * 8);
  }
}

/// Four neighbours of a row, zeros if there is no such row.
__device__ __forceinline__ uint2 load_four(const bf16* row, int k) {
  return row == nullptr ? make_uint2(0, 0) : *reinterpret_cast<const uint2*>(row + k);
}

/// What a warp sums: 16 columns by kEights * 8 rows of x. value[e][i] is column group, x row e * 8 + 2 * (lane % 4) + i
/// for i = 0, 1; column group + 8 for i = 2, 3; group = lane / 4.
template <int kEights>
struct SlabSums {
  float value[kEights][4];
};

/// The rows of both operands that this lane reads; null where there is none.
template <int kEights>
struct SlabRows {
  const bf16 *low, *high;
  const bf16* x[kEights];
};

template <int kEights>
__device__ __forceinline__ SlabRows<kEights> slab_rows(const SlabPlan& plan, const SlabMemory& memory, int tile) {
  const int group = int(threadIdx.x) % 32 / 4, four = int(threadIdx.x) % 4 * 4, stride = plan.stride();
  SlabRows<kEights> rows;
  const int column = tile * kSlabColumns + group;
  rows.low = column < plan.columns ? memory.weights + column * stride + four : nullptr;
  rows.high = column + 8 < plan.columns ? memory.weights + (column + 8) * stride + four : nullptr;
#pragma unroll
  for (int e = 0; e < kEights; ++e)
    rows.x[e] = e * 8 + group < plan.rows ? memory.x + (e * 8 + group) * stride + four : nullptr;
  return rows;
}

template <int kEights>
__device__ __forceinline__ void slab_steps(SlabSums<kEights>& sums, const SlabRows<kEights>& rows,
                                           SlabRange range PLUMBLINE_WHERE_PARAM) {
#pragma unroll 8
  for (int k = range.first; k < range.last; k += kSlabStep) {
    const uint2 low = load_four(rows.low, k), high = load_four(rows.high, k);
    const uint32_t a[4] = {low.x, high.x, low.y, high.y};
#pragma unroll
    for (int e = 0; e < kEights; ++e) {
      const uint2 x = load_four(rows.x[e], k);
      const uint32_t b[2] = {x.x, x.y};
      mma_m16n8k16(sums.value[e], a, b, sums.value[e] PLUMBLINE_WHERE_ARG);
    }
  }
}

/// Waits for group kGroup of the copies and sums it. All threads of the block call it.
template <int kGroup, int kEights>
__device__ __forceinline__ void slab_group(const SlabPlan& plan, SlabSums<kEights>& sums, const SlabRows<kEights>& rows,
                                           int part, bool works PLUMBLINE_WHERE_PARAM) {
  async_wait<kSlabGroups - 1 - kGroup>();
  PLUMBLINE_BLOCK_BARRIER();
  if (works) slab_steps(sums, rows, slab_range(plan, part, kGroup) PLUMBLINE_WHERE_ARG);
}

/// Adds the sums of the other parts to those of part 0, in order. All threads of the block call it.
template <int kEights>
__device__ __forceinline__ void add_parts(const SlabPlan& plan, const SlabMemory& memory, SlabSums<kEights>& sums,
                                          int tile, int part, bool works PLUMBLINE_WHERE_PARAM) {
  const int lane = int(threadIdx.x) % 32;
  const auto place = [&](int other, int e, int i) {
    return (((tile * (plan.parts() - 1) + other - 1) * kEights + e) * 4 + i) * 32 + lane;
  };
  for (int e = 0; e < kEights && works && part > 0; ++e) {
    for (int i = 0; i < 4; ++i) memory.parts[place(part, e, i)] = sums.value[e][i];
  }
  PLUMBLINE_BLOCK_BARRIER();
  for (int other = 1; works && part == 0 && other < plan.parts(); ++other) {
#pragma unroll
    for (int e = 0; e < kEights; ++e) {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        sums.value[e][i] = __fadd_rn(sums.value[e][i], memory.parts[place(other, e, i)]);
    }
  }
}

/// The whole of it. `row_of` as above; `stage_x(memory)` fills memory.x, after the launches before this one have ended;
/// `store(tile, group, row, low, high)` gets the sums of the slab's columns tile * 16 + group and that + 8 for row
/// `row` of x. Copies that stage_x has started before must be older than those of the slab.
template <int kEights, class RowOf, class StageX, class Store>
__device__ __forceinline__ void slab_product(const SlabPlan& plan, const SlabMemory& memory, const RowOf& row_of,
                                             const StageX& stage_x, const Store& store PLUMBLINE_WHERE_PARAM) {
  let_next_start();
  fetch_slab(plan, memory, row_of);
  wait_for_previous();
  stage_x(memory);
  const int warp = int(threadIdx.x) / 32, tile = warp / plan.parts(), part = warp % plan.parts();
  const bool works = tile < plan.tiles();
  const SlabRows<kEights> rows = slab_rows<kEights>(plan, memory, works ? tile : 0);
  SlabSums<kEights> sums{};
  slab_group<0>(plan, sums, rows, part, works PLUMBLINE_WHERE_ARG);
  slab_group<1>(plan, sums, rows, part, works PLUMBLINE_WHERE_ARG);
  slab_group<2>(plan, sums, rows, part, works PLUMBLINE_WHERE_ARG);
  slab_group<3>(plan, sums, rows, part, works PLUMBLINE_WHERE_ARG);
  if (plan.parts() > 1) add_parts(plan, memory, sums, tile, part, works PLUMBLINE_WHERE_ARG);
  if (!works || part != 0) return;
  const int group = int(threadIdx.x) % 32 / 4, first = int(threadIdx.x) % 4 * 2;
#pragma unroll
  for (int e = 0; e < kEights; ++e) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int row = e * 8 + first + i;
      if (row < plan.rows) store(tile, group, row, sums.value[e][i], sums.value[e][2 + i]);
    }
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
