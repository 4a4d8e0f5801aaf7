// SPDX-License-Identifier: Apache-2.0
// Many tensors copied into one buffer in one launch, without gaps that depend on how many keys there may be; and poison
// where they stood. Invariant: bits are copied as they are; gather() only reads the pieces. Left to others: which
// pieces (pipeline/recorded_taps.h), the way to the host (pipeline/tap_capture.h).
#pragma once
#include "cuda/common/launch.h"
#include "cuda/common/pieces.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

struct GatherArgs {
  PieceTable table;
  /// Aligned to 16 bytes. A piece begins at piece.target; with per_key at gather_offset() of it, so that pieces lie
  /// close whatever the number of keys.
  std::byte* target;
  int64_t fixed_bytes;  ///< where the pieces with per_key begin, a multiple of 16
  uint32_t* unwritten;  ///< [chunks]: 1 where poison survived (memory.h: a whole aligned word), else 0
};

/// Where a piece with per_key begins that comes after `bytes_per_key` bytes a key of others: a multiple of 16.
__host__ __device__ constexpr int64_t gather_offset(int64_t fixed_bytes, int64_t bytes_per_key, int64_t keys) {
  return fixed_bytes + bytes_per_key * ((keys + 7) / 8 * 8);
}

/// No chunks: nothing happens. Throws BackendError for a null pointer or keys below 1.
void gather(const GatherArgs& args, Stream stream);
/// Fills every piece that is made anew with poison. No chunks: nothing happens. Throws as gather does.
void leave_poison(const PieceTable& table, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
