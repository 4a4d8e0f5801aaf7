// SPDX-License-Identifier: Apache-2.0
// One block a chunk, 16 bytes a thread at a time. No arithmetic on the values of a model.
#pragma once
#include "cuda/common/memory.h"
#include "cuda/common/reduce.h"
#include "cuda/gather/gather.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kGatherThreads = 128;
inline constexpr int kWordBytes = 16;

/// The chunk's bytes within its piece.
__device__ __forceinline__ ChunkRange byte_range(const Piece& piece, const PieceChunk& chunk, int keys) {
  const ChunkRange range = chunk_range(chunk, piece_count(piece, keys));
  const int bytes = piece.is_f32 ? 4 : 2;
  return {range.first * bytes, range.last * bytes};
}

/// Where byte `at` of what is wanted lies, a multiple of 16; rows of a head are multiples of it too.
__device__ __forceinline__ const std::byte* wanted_bytes(const Piece& piece, const std::byte* values, int keys,
                                                         int64_t at) {
  if (piece.heads == 0) return values + at;
  const auto heads = unsigned(piece.heads);
  const unsigned words = unsigned(piece.count) / heads * (piece.is_f32 ? 4 : 2) / kWordBytes;  // of a row
  const auto word = unsigned(at / kWordBytes);
  const unsigned row = word / words, head = row / unsigned(keys), key = row % unsigned(keys);
  return values + (int64_t(key * heads + head) * words + word % words) * kWordBytes;
}

__device__ __forceinline__ bool has_poison(const uint4& word) {
  return word.x == kPoisonA || word.y == kPoisonA || word.z == kPoisonA || word.w == kPoisonA;
}

/// Fewer than 16 bytes, an even number of them. Whether poison is among them.
__device__ __forceinline__ bool copy_rest(std::byte* target, const std::byte* source, int bytes) {
  bool poison = false;
  int at = 0;
  for (; at + 4 <= bytes; at += 4) {
    const uint32_t word = *reinterpret_cast<const uint32_t*>(source + at);
    *reinterpret_cast<uint32_t*>(target + at) = word;
    poison = poison || word == kPoisonA;
  }
  if (at < bytes) *reinterpret_cast<uint16_t*>(target + at) = *reinterpret_cast<const uint16_t*>(source + at);
  return poison;
}

__global__ void __launch_bounds__(kGatherThreads) gather_kernel(GatherArgs args) {
  __shared__ int found[kGatherThreads / 32];
  const PieceChunk chunk = args.table.chunks[blockIdx.x];
  const Piece piece = args.table.pieces[chunk.piece];
  const int keys = args.table.keys, thread = int(threadIdx.x);
  const ChunkRange bytes = byte_range(piece, chunk, keys);
  const std::byte* values = piece_values(piece, keys);
  std::byte* target =
      args.target + (piece.per_key ? gather_offset(args.fixed_bytes, piece.target, keys) : piece.target);
  bool poison = false;
  const int64_t whole = bytes.first + (bytes.last - bytes.first) / kWordBytes * kWordBytes;
#pragma unroll 4
  for (int64_t at = bytes.first + thread * kWordBytes; at < whole; at += kGatherThreads * kWordBytes) {
    const uint4 word = *reinterpret_cast<const uint4*>(wanted_bytes(piece, values, keys, at));
    *reinterpret_cast<uint4*>(target + at) = word;
    poison = poison || has_poison(word);
  }
  if (thread == 0 && bytes.first < bytes.last && whole < bytes.last)
    poison = copy_rest(target + whole, wanted_bytes(piece, values, keys, whole), int(bytes.last - whole)) || poison;
  const int of_warp = __any_sync(kFullWarp, poison);
  if (thread % 32 == 0) found[thread / 32] = of_warp;
  __syncthreads();
  if (thread != 0) return;
  uint32_t any = 0;
  for (const int warp : found) any |= uint32_t(warp != 0);
  args.unwritten[blockIdx.x] = any;
}

__global__ void __launch_bounds__(kGatherThreads) leave_poison_kernel(PieceTable table) {
  const PieceChunk chunk = table.chunks[blockIdx.x];
  const Piece piece = table.pieces[chunk.piece];
  if (!piece.made_anew) return;
  const ChunkRange bytes = byte_range(piece, chunk, table.keys);
  std::byte* values = piece_values(piece, table.keys);
  const int64_t words = bytes.last / 4;
  for (int64_t word = bytes.first / 4 + int(threadIdx.x); word < words; word += kGatherThreads)
    reinterpret_cast<uint32_t*>(values)[word] = kPoisonA;
  if (threadIdx.x == 0 && bytes.last % 4 != 0 && bytes.first < bytes.last)
    reinterpret_cast<uint16_t*>(values)[words * 2] = uint16_t(kPoisonA & 0xFFFFu);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
