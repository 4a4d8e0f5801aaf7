// SPDX-License-Identifier: Apache-2.0
// Many tensors in device memory as one table, for launches that go over all of them: what a recorded step yields, whose
// size may depend on how many keys there are. Invariant: the table is the same for every number of keys. Left to
// others: making it (pipeline/recorded_taps.h), what is done with it (gather, statistics).
#pragma once
#include <cstddef>
#include <cstdint>

#include "cuda/common/kernel.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Elements of a chunk; the last one of a piece may be shorter.
inline constexpr int64_t kPieceChunk = 8192;

struct Piece {
  std::byte* source;           ///< bf16 or f32, aligned to 16 bytes
  int64_t bytes_per_position;  ///< the values stand at position * this, a multiple of 16
  int64_t count;               ///< elements; with per_key: for each key
  int64_t target;              ///< where gather puts it (gather.h)
  int heads;                   ///< above 0: they lie by token, [key, heads, channel], and are wanted by heads
  bool per_key, is_f32;
  bool made_anew;  ///< by every step: poison may stand there between two
};

/// A block's share: elements kPieceChunk * index and on. The table has those of the most keys that there can be.
struct PieceChunk {
  int piece, index;
};

struct PieceTable {
  const Piece* pieces;       ///< in device memory
  const PieceChunk* chunks;  ///< in device memory, all of piece 0, then all of piece 1, ...
  int64_t chunk_count;
  int keys;  ///< of this step: one more than its position
};

__host__ __device__ constexpr int64_t piece_count(const Piece& piece, int64_t keys) {
  return piece.per_key ? piece.count * keys : piece.count;
}

__host__ __device__ __forceinline__ std::byte* piece_values(const Piece& piece, int keys) {
  return piece.source + piece.bytes_per_position * int64_t(keys - 1);
}

/// What a chunk holds of a piece of `count` elements: none (first >= last) where there are fewer keys than room.
struct ChunkRange {
  int64_t first, last;
};

__host__ __device__ __forceinline__ ChunkRange chunk_range(const PieceChunk& chunk, int64_t count) {
  const int64_t first = chunk.index * kPieceChunk;
  return {first, first + kPieceChunk < count ? first + kPieceChunk : count};
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
