// SPDX-License-Identifier: Apache-2.0
// The product for few rows (decode): a block has the copy engine fetch all of its columns' weights at once, without
// waiting for the launch before it, and then runs one chain of tensor-core steps per 16 columns. Weights are the A
// operand, the rows of x the B operand: 8 of them a step. Invariant: the bits of gemm_tile/v1. Left to others: what
// fills the rows of x, what becomes of the sums (the kernels); more rows (panel.cuh, gemm_tile.cuh).
// NUMERICS CONTRACT gemm_slab/v1: gemm_tile/v1 for bf16; in parts, one chain each, added in ascending order
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

/// Where the pieces lie in the block's dynamic shared memory.
struct SlabMemory {
  bf16* x;        ///< [plan.rows], rows plan.stride() apart
  bf16* weights;  ///< [plan.columns], the same
  float* parts;   ///< of chains that are added to the first
};

__device__ __forceinline__ SlabMemory slab_memory(const SlabPlan& plan) {
  SlabMemory memory;
  memory.x = dynamic_shared<bf16>();
  memory.weights = memory.x + plan.rows * plan.stride();
  memory.parts = reinterpret_cast<float*>(memory.weights + plan.columns * plan.stride());
  return memory;
}

/// Eight neighbouring rows of the slab in device memory, depth elements apart.
struct SlabEight {
  const bf16* first;
  int rows;  ///< of them that there are: fewer at the end, 0 behind it
};

/// The eight of a matrix [columns, depth] that begins at `column`.
__device__ __forceinline__ SlabEight slab_eight(const bf16* weights, int depth, int column, int columns) {
  return {weights + int64_t(column) * depth, max(0, min(8, columns - column))};
}

/// Starts the copies of all weights; `eight_of(e)` is the slab's eight number e. One thread of each of the first
/// kFetchers warps asks for every kFetchers-th eight, row by row; all threads of the block may call it.
template <int kFetchers, class EightOf>
__device__ __forceinline__ void fetch_slab(const SlabPlan& plan, const SlabMemory& memory, CopyBarrier* barrier,
                                           const EightOf& eight_of) {
  const int fetcher = int(threadIdx.x) / 32, bytes = plan.depth * int(sizeof(bf16)), stride = plan.stride();
  if (threadIdx.x % 32 != 0 || fetcher >= kFetchers) return;
  for (int e = fetcher; e < plan.column_eights(); e += kFetchers) {
    const SlabEight eight = eight_of(e);
    expect_copies(barrier, eight.rows * bytes);
    bf16* target = memory.weights + e * 8 * stride;
#pragma unroll
    for (int i = 0; i < 8; ++i)
      if (i < eight.rows) bulk_copy(target + i * stride, eight.first + int64_t(i) * plan.depth, bytes, barrier);
  }
}

/// Copies the rows of x from device memory and lets the next launch start; all threads of the block call it.
__device__ __forceinline__ void copy_rows(const SlabPlan& plan, const bf16* source, bf16* target) {
  constexpr int kAhead = 2;  // a row of 4,096 by one load's latency
  const int per_row = plan.depth / 8, pieces = plan.rows * per_row;
  for (int first = int(threadIdx.x); first < pieces; first += kAhead * kSlabThreads) {
    uint4 loaded[kAhead];
#pragma unroll
    for (int j = 0; j < kAhead; ++j) {
      const int i = first + j * kSlabThreads;
      if (i < pieces) loaded[j] = *reinterpret_cast<const uint4*>(source + i * 8);
    }
    if (first < kSlabThreads) let_next_start();
#pragma unroll
    for (int j = 0; j < kAhead; ++j) {
      const int i = first + j * kSlabThreads;
      const int row = plan.rows == 1 ? 0 : i / per_row;  // a division takes longer than the store
      if (i < pieces) *reinterpret_cast<uint4*>(target + row * plan.stride() + (i - row * per_row) * 8) = loaded[j];
    }
  }
}

/// What a warp sums: 16 columns by kEights * 8 rows of x. value[e][i] is column group, x row e * 8 + 2 * (lane % 4) + i
/// for i = 0, 1; column group + 8 for i = 2, 3; group = lane / 4.
template <int kEights>
struct SlabSums {
  float value[kEights][4];
};

/// The rows of both operands that this lane reads. Past the end it is the last row once more: what comes of it is
/// nobody's output.
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
  rows.low = memory.weights + column * stride + four;
  rows.high = column + 8 < plan.columns ? rows.low + 8 * stride : rows.low;
#pragma unroll
  for (int e = 0; e < kEights; ++e) rows.x[e] = memory.x + min(e * 8 + group, plan.rows - 1) * stride + four;
  return rows;
}

/// Both operands of kSteps steps.
template <int kSteps, int kEights>
struct SlabSteps {
  uint2 low[kSteps], high[kSteps], x[kSteps][kEights];
};

template <int kSteps, int kEights>
__device__ __forceinline__ void load_steps(SlabSteps<kSteps, kEights>& steps, const SlabRows<kEights>& rows, int k) {
#pragma unroll
  for (int i = 0; i < kSteps; ++i) {
    steps.low[i] = load_four(rows.low + k + i * kSlabStep);
    steps.high[i] = load_four(rows.high + k + i * kSlabStep);
#pragma unroll
    for (int e = 0; e < kEights; ++e) steps.x[i][e] = load_four(rows.x[e] + k + i * kSlabStep);
  }
}

template <int kSteps, int kEights>
__device__ __forceinline__ void multiply_steps(SlabSums<kEights>& sums,
                                               const SlabSteps<kSteps, kEights>& steps PLUMBLINE_WHERE_PARAM) {
#pragma unroll
  for (int i = 0; i < kSteps; ++i) {
    const uint32_t a[4] = {steps.low[i].x, steps.high[i].x, steps.low[i].y, steps.high[i].y};
#pragma unroll
    for (int e = 0; e < kEights; ++e) {
      const uint32_t b[2] = {steps.x[i][e].x, steps.x[i][e].y};
      mma_m16n8k16(sums.value[e], a, b, sums.value[e] PLUMBLINE_WHERE_ARG);
    }
  }
}

/// The steps of k = k ... last - 1, the operands of the next few being loaded while these are multiplied.
template <int kEights>
__device__ __forceinline__ void slab_chain(SlabSums<kEights>& sums, const SlabRows<kEights>& rows, int k,
                                           int last PLUMBLINE_WHERE_PARAM) {
  constexpr int kSteps = 8 / kEights, kDepth = kSteps * kSlabStep;
  if (k + kDepth <= last) {
    SlabSteps<kSteps, kEights> now, next;
    load_steps(now, rows, k);
#pragma unroll 2
    for (; k + 2 * kDepth <= last; k += kDepth) {
      load_steps(next, rows, k + kDepth);
      multiply_steps(sums, now PLUMBLINE_WHERE_ARG);
      now = next;
    }
    multiply_steps(sums, now PLUMBLINE_WHERE_ARG);
    k += kDepth;
  }
  for (; k < last; k += kSlabStep) {
    SlabSteps<1, kEights> one;
    load_steps(one, rows, k);
    multiply_steps(sums, one PLUMBLINE_WHERE_ARG);
  }
}

/// Adds the sums of the other parts to those of part 0, in order. All threads of the block call it.
template <int kEights>
__device__ __forceinline__ void add_parts(const SlabPlan& plan, const SlabMemory& memory, SlabSums<kEights>& sums,
                                          int tile, int part, bool works PLUMBLINE_WHERE_PARAM) {
  const int lane = int(threadIdx.x) % 32;
  const auto place = [&](int other, int e, int i) {
    return (((tile * (plan.parts() - 1) + other - 1) * kEights + e) * 4 + i) * 32 + lane;
  };
  if (works && part > 0) {
#pragma unroll
    for (int e = 0; e < kEights; ++e) {
#pragma unroll
      for (int i = 0; i < 4; ++i) memory.parts[place(part, e, i)] = sums.value[e][i];
    }
  }
  PLUMBLINE_BLOCK_BARRIER();
  for (int other = 1; works && part == 0 && other < plan.parts(); ++other) {
#pragma unroll
    for (int e = 0; e < kEights; ++e) {
#pragma unroll
      for (int i = 0; i < 4; ++i) sums.value[e][i] = __fadd_rn(sums.value[e][i], memory.parts[place(other, e, i)]);
    }
  }
}

/// Calls body(place, group, row) for every row of x whose sums this lane has: value[place / 2][place % 2] of column
/// `group` of its tile, the same + 2 of column group + 8.
template <int kEights, class Body>
__device__ __forceinline__ void for_own_sums(const SlabPlan& plan, const Body& body) {
  const int group = int(threadIdx.x) % 32 / 4, first = int(threadIdx.x) % 4 * 2;
#pragma unroll
  for (int place = 0; place < 2 * kEights; ++place) {
    const int row = place / 2 * 8 + first + place % 2;
    if (row < plan.rows) body(place, group, row);
  }
}

/// Where a warp works: its tile of columns, and which part of their chains. Without a division where there is one part:
/// the weights are asked for behind it.
struct SlabPlace {
  int tile, part;
};

__device__ __forceinline__ SlabPlace slab_place(const SlabPlan& plan) {
  const int warp = int(threadIdx.x) / 32, parts = plan.parts();
  if (parts == 1) return {warp, 0};
  return {warp / parts, warp % parts};
}

/// The whole of it. `eight_of` as above; `prepare()` may read weights; `stage_x(memory)` fills memory.x, after the
/// launches before this one have ended, and lets the next one start once its loads are on their way, not before: the
/// weights that the next one fetches would delay them; `store(tile, group, row, low, high, place)` gets the sums of the
/// slab's columns tile * 16 + group and that + 8 for row `row` of x. `ahead.locate(tile, group, row, place)` is called
/// for the same before anything is waited for, and `ahead.load()` before stage_x: what is added to the sums need not be
/// waited for behind the product. `place` is known when compiled. All threads of the block call it.
/// kFetchers: warps that ask for the weights. Many are the sooner done; but what they ask for delays what the launch
/// before this one still waits for. Which is better is measured (bench_gpu decode, bench_gpu qkv).
template <int kEights, int kFetchers, class EightOf, class Prepare, class Ahead, class StageX, class Store>
__device__ __forceinline__ void slab_product(const SlabPlan& plan, const EightOf& eight_of, const Prepare& prepare,
                                             Ahead&& ahead, const StageX& stage_x,
                                             const Store& store PLUMBLINE_WHERE_PARAM) {
  __shared__ CopyBarrier weights_came;
  const SlabMemory memory = slab_memory(plan);
  const auto [tile, part] = slab_place(plan);
  const bool works = tile < plan.tiles(), stores = works && part == 0;
  if (threadIdx.x == 0) start_copy_barrier(&weights_came, plan.column_eights());
  if constexpr (kFetchers > 1) PLUMBLINE_BLOCK_BARRIER();
  fetch_slab<kFetchers>(plan, memory, &weights_came, eight_of);
  prepare();
  if (stores)
    for_own_sums<kEights>(plan, [&](int place, int group, int row) { ahead.locate(tile, group, row, place); });
  wait_for_previous();
  ahead.load();
  stage_x(memory);
  PLUMBLINE_BLOCK_BARRIER();
  SlabSums<kEights> sums{};
  if (works) {
    const SlabRows<kEights> rows = slab_rows<kEights>(plan, memory, tile);
    wait_for_copies(&weights_came PLUMBLINE_WHERE_ARG);
    const int first = part * plan.part_depth;
    slab_chain(sums, rows, first, min(first + plan.part_depth, plan.depth) PLUMBLINE_WHERE_ARG);
  }
  if (plan.parts() > 1) add_parts(plan, memory, sums, tile, part, works PLUMBLINE_WHERE_ARG);
  if (!stores) return;
  for_own_sums<kEights>(plan, [&](int place, int group, int row) {
    const float(&value)[4] = sums.value[place / 2];
    store(tile, group, row, value[place % 2], value[2 + place % 2], place);
  });
}

/// Of products to which nothing is added that other launches write.
struct NothingAhead {
  __device__ __forceinline__ void locate(int, int, int, int) {}
  __device__ __forceinline__ void load() {}
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
