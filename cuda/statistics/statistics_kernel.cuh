// SPDX-License-Identifier: Apache-2.0
// One block a chunk: each thread its share, then lanes, then one thread. Contract: core/statistics.h.
#pragma once
#include "cuda/common/bf16.h"
#include "cuda/common/memory.h"
#include "cuda/statistics/statistics.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

__device__ __forceinline__ void take_value(PartialStatistics& to, float value) {
  const uint32_t magnitude = __float_as_uint(value) & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) {
    ++to.nans;
  } else if (magnitude == 0x7F800000u) {
    ++to.infinities;
  } else {
    to.squares = to.squares + double(value) * double(value);  // A1: the square is exact, so contraction moves no bit
    if (value < to.least) to.least = value;
    if (value > to.largest) to.largest = value;
  }
}

__device__ __forceinline__ void join_partials(PartialStatistics& to, const PartialStatistics& from) {
  to.squares = to.squares + from.squares;
  if (from.least < to.least) to.least = from.least;
  if (from.largest > to.largest) to.largest = from.largest;
  to.nans += from.nans;
  to.infinities += from.infinities;
  to.unwritten |= from.unwritten;
}

__device__ __forceinline__ PartialStatistics no_statistics() {
  return {0.0, __uint_as_float(0x7F800000u), __uint_as_float(0xFF800000u), 0, 0, 0, 0};
}

/// A whole aligned word of poison: no operation of ours yields that NaN.
__device__ __forceinline__ bool is_poison(const uint16_t* halves, int64_t at, int64_t count) {
  constexpr uint16_t kHalf = uint16_t(kPoisonA);
  return at % 2 == 0 && at + 1 < count && halves[at] == kHalf && halves[at + 1] == kHalf;
}

/// The chunk of `count` values from `first` on, in thread 0; the others return what is nobody's. `shares` is the
/// block's. All threads of the block call it.
__device__ __forceinline__ PartialStatistics chunk_statistics(const void* all, bool is_f32, int64_t count,
                                                              int64_t first,
                                                              PartialStatistics* shares PLUMBLINE_WHERE_PARAM) {
  const int64_t end = first + kStatisticsChunk < count ? first + kStatisticsChunk : count;
  const int thread = int(threadIdx.x);
  PartialStatistics share = no_statistics();
  if (is_f32) {
    const float* values = static_cast<const float*>(all);
#pragma unroll 4
    for (int64_t i = first + thread; i < end; i += kStatisticsThreads) {
      if (__float_as_uint(values[i]) == kPoisonA) share.unwritten = 1;
      take_value(share, values[i]);
    }
  } else {
    const uint16_t* halves = static_cast<const uint16_t*>(all);
#pragma unroll 4
    for (int64_t i = first + thread; i < end; i += kStatisticsThreads) {
      if (is_poison(halves, i, count)) share.unwritten = 1;
      take_value(share, __uint_as_float(uint32_t(halves[i]) << 16));
    }
  }
  shares[thread] = share;
  PLUMBLINE_BLOCK_BARRIER();
  if (thread < 32) {  // A2
    for (int other = thread + 32; other < kStatisticsThreads; other += 32) join_partials(share, shares[other]);
    shares[thread] = share;
  }
  PLUMBLINE_BLOCK_BARRIER();
  if (thread != 0) return share;
  for (int lane = 1; lane < 32; ++lane) join_partials(share, shares[lane]);  // A3
  return share;
}

__global__ void statistics_kernel(StatisticsArgs args) {
  __shared__ PartialStatistics shares[kStatisticsThreads];
  int tap = 0;
  while (int64_t(blockIdx.x) >= args.first_chunk[tap + 1]) ++tap;
  const int64_t first = (int64_t(blockIdx.x) - args.first_chunk[tap]) * kStatisticsChunk;
  const PartialStatistics all = chunk_statistics(args.values[tap], args.is_f32[tap], args.counts[tap], first, shares);
  if (threadIdx.x == 0) args.partials[blockIdx.x] = all;
}

static_assert(kPieceChunk == kStatisticsChunk, "a chunk of a piece is one of its statistics");

__global__ void piece_statistics_kernel(PieceTable table, PartialStatistics* partials) {
  __shared__ PartialStatistics shares[kStatisticsThreads];
  const PieceChunk chunk = table.chunks[blockIdx.x];
  const Piece piece = table.pieces[chunk.piece];
  const int64_t count = piece_count(piece, table.keys), first = chunk.index * kStatisticsChunk;
  if (first >= count) return;
  const PartialStatistics all = chunk_statistics(piece_values(piece, table.keys), piece.is_f32, count, first, shares);
  if (threadIdx.x == 0) partials[blockIdx.x] = all;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
