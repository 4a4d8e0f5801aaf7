// SPDX-License-Identifier: Apache-2.0
// The twin's side of common/staged_copy.h: the pieces that each thread of the running block has asked for and not
// waited for. Invariant: what nobody waits for never lands. Left to others: the copying itself (in the kernel's
// library, where sanitizers see it).
#pragma once

namespace plumbline::twin {

inline constexpr int kMostPieces = 64;  ///< that a thread may have asked for at one time

struct Piece {
  void* target = nullptr;
  const void* source = nullptr;  ///< null: zeros
};

// All of the running thread.
void keep_piece(const Piece& piece);
void close_group();
/// Takes the oldest piece of all groups but the last `open`; false if there is none.
bool next_piece(int open, Piece& piece);

/// Forgets everything: a block of `threads` starts.
void forget_pieces(int threads);

}  // namespace plumbline::twin
