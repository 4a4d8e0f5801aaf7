// SPDX-License-Identifier: Apache-2.0
// One block a chunk: each thread its share, then lanes, then one thread. Contract: core/statistics.h.
#pragma once
#include "cuda/common/bf16.h"
#include "cuda/common/memory.h"
#include "cuda/statistics/statistics.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

__device__ __forceinline__ void take_value(PartialStatistics& to, float value) {
  const uint32_t magnitude = __float_as_uint(value) & 0x7FFFFFFFu;
  const bool finite = magnitude < 0x7F800000u;
  to.nans += magnitude > 0x7F800000u;
  to.infinities += magnitude == 0x7F800000u;
  const double kept = finite ? double(value) : 0.0;
  to.squares = to.squares + kept * kept;  // A1: the square is exact, so contraction moves no bit, nor does adding 0
  if (finite && value < to.least) to.least = value;
  if (finite && value > to.largest) to.largest = value;
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

/// What a thread takes at once.
template <class T>
struct Group {
  static constexpr int kWords = kStatisticsGroup * int(sizeof(T)) / 4;
  uint32_t words[kWords];

  __device__ __forceinline__ float value(int i) const {
    if constexpr (sizeof(T) == 4) return __uint_as_float(words[i]);
    return __uint_as_float(i % 2 == 0 ? words[i / 2] << 16 : words[i / 2] & 0xFFFF0000u);
  }
};

/// Elements `at` and on, which is aligned to 16 bytes; what is not before `end` as zeros.
template <class T>
__device__ __forceinline__ Group<T> load_group(const T* values, int64_t at, int64_t end) {
  Group<T> group{};
  if (at + kStatisticsGroup <= end) {
#pragma unroll
    for (int word = 0; word < Group<T>::kWords; word += 4) {
      const uint4 four = *reinterpret_cast<const uint4*>(reinterpret_cast<const uint32_t*>(values + at) + word);
      group.words[word] = four.x;
      group.words[word + 1] = four.y;
      group.words[word + 2] = four.z;
      group.words[word + 3] = four.w;
    }
    return group;
  }
#pragma unroll
  for (int i = 0; i < kStatisticsGroup; ++i) {
    if (at + i >= end) break;
    if constexpr (sizeof(T) == 4) {
      group.words[i] = __float_as_uint(values[at + i]);
    } else {
      group.words[i / 2] |= uint32_t(values[at + i].bits) << (i % 2 * 16);
    }
  }
  return group;
}

/// The first `count` elements of a group, all of it where there are more. A whole word of poison: no operation of ours
/// yields that NaN.
template <class T>
__device__ __forceinline__ void take_group(PartialStatistics& to, const Group<T>& group, int64_t count) {
#pragma unroll
  for (int word = 0; word < Group<T>::kWords; ++word) to.unwritten |= group.words[word] == kPoisonA;
#pragma unroll
  for (int i = 0; i < kStatisticsGroup; ++i) {
    if (i < count) take_value(to, group.value(i));
  }
}

/// The thread's share of elements first ... end - 1.
template <class T>
__device__ __forceinline__ PartialStatistics thread_share(const T* values, int64_t first, int64_t end) {
  constexpr int64_t kStep = kStatisticsGroup * kStatisticsThreads;
  constexpr int kAhead = 4;  // groups that are loaded before the first is looked at
  PartialStatistics share = no_statistics();
  for (int64_t at = first + int(threadIdx.x) * kStatisticsGroup; at < end; at += kStep * kAhead) {
    Group<T> groups[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) groups[i] = load_group(values, at + i * kStep, end);
#pragma unroll
    for (int i = 0; i < kAhead; ++i) take_group(share, groups[i], end - (at + i * kStep));
  }
  return share;
}

/// The chunk of `count` values from `first` on, in thread 0; the others return what is nobody's. `shares` is the
/// block's. All threads of the block call it.
__device__ __forceinline__ PartialStatistics chunk_statistics(const void* all, bool is_f32, int64_t count,
                                                              int64_t first,
                                                              PartialStatistics* shares PLUMBLINE_WHERE_PARAM) {
  const int64_t end = first + kStatisticsChunk < count ? first + kStatisticsChunk : count;
  const int thread = int(threadIdx.x);
  PartialStatistics share = is_f32 ? thread_share(static_cast<const float*>(all), first, end)
                                   : thread_share(static_cast<const bf16*>(all), first, end);
  shares[thread] = share;
  PLUMBLINE_BLOCK_BARRIER();
  if (thread < 32) {  // A2
    for (int other = thread + 32; other < kStatisticsThreads; other += 32) join_partials(share, shares[other]);
    shares[thread] = share;
  }
  PLUMBLINE_BLOCK_BARRIER();
  if (thread != 0) return share;
#pragma unroll 8
  for (int lane = 1; lane < 32; ++lane) join_partials(share, shares[lane]);  // A3
  return share;
}

__global__ void __launch_bounds__(kStatisticsThreads) statistics_kernel(StatisticsArgs args) {
  __shared__ PartialStatistics shares[kStatisticsThreads];
  int tap = 0;
  while (int64_t(blockIdx.x) >= args.first_chunk[tap + 1]) ++tap;
  const int64_t first = (int64_t(blockIdx.x) - args.first_chunk[tap]) * kStatisticsChunk;
  const PartialStatistics all = chunk_statistics(args.values[tap], args.is_f32[tap], args.counts[tap], first, shares);
  if (threadIdx.x == 0) args.partials[blockIdx.x] = all;
}

static_assert(kPieceChunk == kStatisticsChunk, "a chunk of a piece is one of its statistics");

__global__ void __launch_bounds__(kStatisticsThreads)
    piece_statistics_kernel(PieceTable table, PartialStatistics* partials) {
  __shared__ PartialStatistics shares[kStatisticsThreads];
  const PieceChunk chunk = table.chunks[blockIdx.x];
  const Piece piece = table.pieces[chunk.piece];
  const int64_t count = piece_count(piece, table.keys), first = chunk.index * kStatisticsChunk;
  if (first >= count) return;
  const PartialStatistics all = chunk_statistics(piece_values(piece, table.keys), piece.is_f32, count, first, shares);
  if (threadIdx.x == 0) partials[blockIdx.x] = all;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
