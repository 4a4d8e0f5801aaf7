// SPDX-License-Identifier: Apache-2.0
// Runs the threads of one block after another on one host thread, each until it waits or ends. Invariant: a run ends
// with every thread at the end of the kernel, or with a Verdict that names who cannot go on; there are no time-outs,
// since "nobody is ready" is decidable. Left to others: the text of a verdict (divergence.h), blocks of a grid
// (grid.cpp). Nothing on the path of a switch uses the standard library: its templates may be instrumented elsewhere.
#pragma once
#include <cstdint>
#include <memory>

#include "cuda/twin/device.h"
#include "cuda/twin/fiber.h"
#include "cuda/twin/grid.h"
#include "cuda/twin/schedule.h"
#include "cuda/twin/stacks.h"

namespace plumbline::twin {

/// One kind of warp operation: its CUDA name, and what the last lane to arrive computes for all of them.
struct WarpOperation {
  const char* name;
  void (*finish)(void* const (&operands)[32], uint32_t mask);  ///< operands[i] is set where bit i of the mask is
  bool orders_memory;                                          ///< only __syncwarp: shuffles and votes are no fences
};

enum class Wait : uint8_t { none, barrier, warp, left };

struct Thread {
  Fiber fiber;
  uint3 index{};
  uint8_t warp = 0, lane = 0;
  Wait wait = Wait::none;
  uint32_t mask = 0;                         // of a warp operation
  const WarpOperation* operation = nullptr;  // of a warp operation
  Where where;                               // of the wait
};

struct Warp {
  uint32_t existing = 0;  // lanes of the block; the last warp may be partial
  uint32_t ready = 0;
  uint32_t waiting = 0;  // at a warp operation
  void* operands[32] = {};
  // Addresses that the thread sanitizer orders memory by, two in turn for each group of lanes (named by its lowest
  // lane): a lane that runs ahead to the next barrier must not be ordered before those that still leave this one.
  unsigned char sync[32][2] = {};
  uint32_t odd = 0;
};

enum class Fault : uint8_t {
  none,
  stuck,                 // threads wait for one that has left or waits elsewhere
  different_barriers,    // two lines with __syncthreads
  different_operations,  // lanes of one mask at different warp operations
  not_in_mask,           // the caller's own bit is not set
  bad_source,            // a shuffle reads a lane outside the mask
  bad_width,             // of a shuffle: not a power of two up to 32
  partial_warp,          // a tensor-core step by fewer than 32 lanes
  copies,                // waits for copies that have not all been asked for
  many_copies,           // more than the twin keeps
};

/// Why a block cannot go on; `first` and `second` are flat thread numbers.
struct Verdict {
  Fault fault = Fault::none;
  int first = 0, second = 0;
};

class Block {
 public:
  Block();
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  /// Runs the block at `block_index`. After a verdict other than none the threads stand where they stopped. Throws
  /// BackendError if there is no room for stacks.
  Verdict run(const GridCall& call, uint3 block_index, const Schedule& schedule);

  int thread_count() const { return thread_count_; }
  const Thread& thread(int flat) const { return threads_[flat]; }

  // Called on the fiber of the running thread.
  void wait_at_barrier(Where where);
  void wait_at_warp(const WarpOperation& operation, uint32_t mask, void* operand, Where where);
  const Thread& running() const { return *running_; }
  /// The lanes of `mask` that exist in the running thread's warp.
  uint32_t warp_mask(uint32_t mask) const { return mask & warps_[running_->warp].existing; }
  /// Ends the block because of what the running thread asks for at `where`; does not return.
  [[noreturn]] void refuse(Fault fault, Where where);
  int flat(const Thread& thread) const { return int(&thread - threads_.get()); }

 private:
  [[noreturn]] void fail(Fault fault, int other);
  static void enter(boost::context::detail::transfer_t transfer);
  void prepare(const GridCall& call, uint3 block_index);
  void leave();
  void abandon_threads();
  void finish_warp(Warp& warp, uint32_t mask);
  void run_next(bool for_good);
  Thread* choose_next();
  void make_running(Thread& thread);

  StackPool stacks_;
  std::unique_ptr<Thread[]> threads_;
  std::unique_ptr<Warp[]> warps_;
  Fiber host_;
  const GridCall* call_ = nullptr;
  const Schedule* schedule_ = nullptr;
  Thread* running_ = nullptr;
  int thread_count_ = 0, warp_count_ = 0;
  int stacks_ready_ = 0;
  int at_barrier_ = 0, left_ = 0;
  int barrier_first_ = 0;
  bool barrier_odd_ = false;
  unsigned char barrier_sync_[2] = {};
  unsigned char start_sync_ = 0, end_sync_ = 0;
  Verdict verdict_;
};

/// The block that runs on this host thread; null outside a launch.
extern __thread Block* current_block;

}  // namespace plumbline::twin
