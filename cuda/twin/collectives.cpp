// SPDX-License-Identifier: Apache-2.0
// What a warp does together: shuffles, votes, __syncwarp and the tensor-core step. Each lane hands in the address of
// its operands; the last one to arrive computes for all. Only barriers order memory (CUDA guide: shuffles and votes are
// no fences), which is what the thread sanitizer is told.
#include "cuda/twin/block.h"
#include "cuda/twin/mma_step.h"

namespace plumbline::twin {
namespace {

struct ShuffleOperand {
  uint64_t bits;
  int source;  // lane to read from; always one of the mask
  uint64_t result;
};

void finish_shuffle(void* const (&operands)[32], uint32_t mask) {
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    auto& mine = *static_cast<ShuffleOperand*>(operands[__builtin_ctz(left)]);
    mine.result = static_cast<const ShuffleOperand*>(operands[mine.source])->bits;
  }
}

struct BallotOperand {
  bool predicate;
  unsigned result;
};

void finish_ballot(void* const (&operands)[32], uint32_t mask) {
  unsigned votes = 0;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    if (static_cast<const BallotOperand*>(operands[lane])->predicate) votes |= 1u << lane;
  }
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    static_cast<BallotOperand*>(operands[__builtin_ctz(left)])->result = votes;
  }
}

void finish_nothing(void* const (&)[32], uint32_t) {}

struct MmaOperand {
  float* d;
  const uint32_t* a;
  const uint32_t* b;
  const float* c;
};

// Fragment layout as in cuda/common/mma.h.
void finish_mma(void* const (&operands)[32], uint32_t) {
  MmaTile tile;
  for (int lane = 0; lane < 32; ++lane) {
    const auto& mine = *static_cast<const MmaOperand*>(operands[lane]);
    const int group = lane / 4, pair = lane % 4 * 2;
    for (int r = 0; r < 4; ++r) {
      const int row = group + r % 2 * 8, k = pair + r / 2 * 8;
      tile.a[k][row] = uint16_t(mine.a[r]);
      tile.a[k + 1][row] = uint16_t(mine.a[r] >> 16);
      tile.c[pair + r % 2][group + r / 2 * 8] = mine.c[r];
    }
    for (int r = 0; r < 2; ++r) {
      tile.b[group][pair + r * 8] = uint16_t(mine.b[r]);
      tile.b[group][pair + r * 8 + 1] = uint16_t(mine.b[r] >> 16);
    }
  }
  mma_step(tile);
  for (int lane = 0; lane < 32; ++lane) {
    float* d = static_cast<const MmaOperand*>(operands[lane])->d;
    const int group = lane / 4, pair = lane % 4 * 2;
    for (int r = 0; r < 4; ++r) d[r] = tile.d[pair + r % 2][group + r / 2 * 8];
  }
}

constexpr WarpOperation kShuffles[] = {{"__shfl_sync", finish_shuffle, false},
                                       {"__shfl_up_sync", finish_shuffle, false},
                                       {"__shfl_down_sync", finish_shuffle, false},
                                       {"__shfl_xor_sync", finish_shuffle, false}};
constexpr WarpOperation kBallot = {"a vote", finish_ballot, false};
constexpr WarpOperation kSyncWarp = {"__syncwarp", finish_nothing, true};
constexpr WarpOperation kMma = {"mma_m16n8k16", finish_mma, false};

// PTX ISA, shfl.sync: which lane is read; the caller's own where the wanted one lies outside its segment.
int source_lane(ShuffleKind kind, int lane, unsigned operand, int width) {
  const int first = lane & ~(width - 1), last = first + width - 1;
  int source = lane;
  switch (kind) {
    case ShuffleKind::index: return first + int(operand & unsigned(width - 1));
    case ShuffleKind::up: source = operand < 32 ? lane - int(operand) : -1; break;
    case ShuffleKind::down: source = operand < 32 ? lane + int(operand) : 32; break;
    case ShuffleKind::butterfly: source = lane ^ int(operand & 31u); break;
  }
  // A butterfly may read an earlier segment but no later one.
  if (kind == ShuffleKind::butterfly) return source > last ? lane : source;
  return source < first || source > last ? lane : source;
}

}  // namespace

uint64_t warp_shuffle(unsigned mask, uint64_t bits, ShuffleKind kind, unsigned operand, int width, Where where) {
  Block& block = *current_block;
  const int lane = block.running().lane;
  if (width < 1 || width > 32 || (width & (width - 1)) != 0) block.refuse(Fault::bad_width, where);
  ShuffleOperand mine{bits, source_lane(kind, lane, operand, width), 0};
  if ((block.warp_mask(mask) >> mine.source & 1u) == 0) block.refuse(Fault::bad_source, where);
  block.wait_at_warp(kShuffles[int(kind)], mask, &mine, where);
  return mine.result;
}

unsigned warp_ballot(unsigned mask, bool predicate, Where where) {
  BallotOperand mine{predicate, 0};
  current_block->wait_at_warp(kBallot, mask, &mine, where);
  return mine.result;
}

void warp_barrier(unsigned mask, Where where) { current_block->wait_at_warp(kSyncWarp, mask, nullptr, where); }

void block_barrier(Where where) { current_block->wait_at_barrier(where); }

void warp_mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const float (&c)[4],
                       Where where) {
  Block& block = *current_block;
  if (block.warp_mask(0xFFFFFFFFu) != 0xFFFFFFFFu) block.refuse(Fault::partial_warp, where);
  MmaOperand mine{d, a, b, c};
  block.wait_at_warp(kMma, 0xFFFFFFFFu, &mine, where);
}

}  // namespace plumbline::twin
