// SPDX-License-Identifier: Apache-2.0
// Invariant: staged_copy.h.
#include "cuda/twin/staged_copy.h"

#include "cuda/twin/block.h"

namespace plumbline::twin {
namespace {

// Arrays, no containers, as in async_copy.cpp.
constexpr int kMostThreads = 1024;

/// A ring of pieces, each with the number of its group.
struct ThreadPieces {
  Piece pieces[kMostPieces];
  int groups[kMostPieces];
  int oldest, count, group;
};

thread_local ThreadPieces kept[kMostThreads];  // of the block that runs on this host thread

ThreadPieces& mine() { return kept[current_block->flat(current_block->running())]; }

}  // namespace

void keep_piece(const Piece& piece) {
  ThreadPieces& thread = mine();
  if (thread.count == kMostPieces) current_block->refuse(Fault::many_copies, Where::current());
  const int place = (thread.oldest + thread.count++) % kMostPieces;
  thread.pieces[place] = piece;
  thread.groups[place] = thread.group;
}

void close_group() { ++mine().group; }

bool next_piece(int open, Piece& piece) {
  ThreadPieces& thread = mine();
  if (thread.count == 0 || thread.groups[thread.oldest] >= thread.group - open) return false;
  piece = thread.pieces[thread.oldest];
  thread.oldest = (thread.oldest + 1) % kMostPieces;
  --thread.count;
  return true;
}

void forget_pieces(int threads) {
  for (int i = 0; i < threads; ++i) kept[i].oldest = kept[i].count = kept[i].group = 0;
}

}  // namespace plumbline::twin
