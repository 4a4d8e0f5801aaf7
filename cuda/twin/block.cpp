// SPDX-License-Identifier: Apache-2.0
// The scheduler. Threads switch straight to the next ready one, own warp first; the host's flow is entered only at the
// end of a block. Under the thread sanitizer each CUDA thread is a fiber of its own, and release and acquire happen
// exactly where CUDA orders memory: __syncthreads, __syncwarp, start and end of a block.
#include "cuda/twin/block.h"

#include "cuda/twin/async_copy.h"
#include "cuda/twin/staged_copy.h"

namespace plumbline::twin {

__thread uint3 threadIdx;
__thread uint3 blockIdx;
__thread dim3 blockDim;
__thread dim3 gridDim;
__thread Block* current_block;

namespace {

constexpr int kMaxThreads = 1024;
constexpr int kLanes = 32;

void release([[maybe_unused]] void* address) {
#if defined(PLUMBLINE_TWIN_TSAN)
  __tsan_release(address);
#endif
}

void acquire([[maybe_unused]] void* address) {
#if defined(PLUMBLINE_TWIN_TSAN)
  __tsan_acquire(address);
#endif
}

bool same_place(const Where& a, const Where& b) {
  if (a.line() != b.line() || a.column() != b.column()) return false;
  if (a.file_name() == b.file_name()) return true;
  return __builtin_strcmp(a.file_name(), b.file_name()) == 0;
}

}  // namespace

Block::Block()
    : threads_(std::make_unique<Thread[]>(kMaxThreads)), warps_(std::make_unique<Warp[]>(kMaxThreads / kLanes)) {
  host_.is_host_thread = true;
}

Block::~Block() {
#if defined(PLUMBLINE_TWIN_TSAN)
  for (int i = 0; i < stacks_ready_; ++i) __tsan_destroy_fiber(threads_[i].fiber.tsan_fiber);
#endif
}

void Block::prepare(const GridCall& call, uint3 block_index) {
  thread_count_ = int(call.block.x * call.block.y * call.block.z);
  warp_count_ = (thread_count_ + kLanes - 1) / kLanes;
  at_barrier_ = left_ = 0;
  verdict_ = {};
  call_ = &call;
  forget_copies();
  forget_pieces(thread_count_);
  blockIdx = block_index;
  blockDim = call.block;
  gridDim = call.grid;
  for (int w = 0; w < warp_count_; ++w) {
    const int lanes = thread_count_ - w * kLanes < kLanes ? thread_count_ - w * kLanes : kLanes;
    Warp& warp = warps_[w];
    warp.existing = warp.ready = lanes == kLanes ? 0xFFFFFFFFu : (1u << lanes) - 1u;
    warp.waiting = 0;
  }
  uint3 index{0, 0, 0};
  for (int flat = 0; flat < thread_count_; ++flat) {
    Thread& thread = threads_[flat];
    thread.index = index;
    thread.warp = uint8_t(flat / kLanes);
    thread.lane = uint8_t(flat % kLanes);
    thread.wait = Wait::none;
    if (flat >= stacks_ready_) {
      const auto stack = stacks_.stack(size_t(flat));
      thread.fiber.stack_bottom = stack.data();
      thread.fiber.stack_bytes = stack.size();
#if defined(PLUMBLINE_TWIN_TSAN)
      thread.fiber.tsan_fiber = __tsan_create_fiber(0);
#endif
      stacks_ready_ = flat + 1;
    }
    rewind_fiber(thread.fiber, &Block::enter, size_t(flat % 64) * 64);
    if (++index.x == call.block.x) {
      index.x = 0;
      if (++index.y == call.block.y) {
        index.y = 0;
        ++index.z;
      }
    }
  }
}

Verdict Block::run(const GridCall& call, uint3 block_index, const Schedule& schedule) {
  prepare(call, block_index);
  schedule_ = &schedule;
#if defined(PLUMBLINE_TWIN_TSAN)
  host_.tsan_fiber = __tsan_get_current_fiber();
#endif
  current_block = this;
  release(&start_sync_);
  running_ = &threads_[schedule.warp(0) * kLanes];
  Thread* first = choose_next();
  make_running(*first);
  switch_fiber(host_, first->fiber);
  if (verdict_.fault != Fault::none) abandon_threads();
  acquire(&end_sync_);
  current_block = nullptr;
  return verdict_;
}

// Fibers left in the middle of their kernel: the thread sanitizer must see them end, or it takes the next block's use
// of the same memory for a race and keeps their call frames.
void Block::abandon_threads() {
#if defined(PLUMBLINE_TWIN_TSAN)
  for (int i = 0; i < thread_count_; ++i) {
    void*& fiber = threads_[i].fiber.tsan_fiber;
    __tsan_switch_to_fiber(fiber, __tsan_switch_to_fiber_no_sync);
    __tsan_release(&end_sync_);
    __tsan_switch_to_fiber(host_.tsan_fiber, __tsan_switch_to_fiber_no_sync);
    __tsan_destroy_fiber(fiber);
    fiber = __tsan_create_fiber(0);
  }
#endif
}

void Block::enter(boost::context::detail::transfer_t transfer) {
  arrive_first(transfer);
  Block& block = *current_block;
  acquire(&block.start_sync_);
  block.call_->run_thread(block.call_->call);
  release(&block.end_sync_);
  block.leave();
}

void Block::leave() {
  running_->wait = Wait::left;
  ++left_;
  run_next(true);
  __builtin_unreachable();
}

Thread* Block::choose_next() {
  const int own = running_->warp;
  if (const uint32_t ready = warps_[own].ready) return &threads_[own * kLanes + schedule_->lane(own, ready)];
  for (int turn = 0; turn < warp_count_; ++turn) {
    const int w = schedule_->warp(turn);
    if (const uint32_t ready = warps_[w].ready) return &threads_[w * kLanes + schedule_->lane(w, ready)];
  }
  return nullptr;
}

void Block::make_running(Thread& thread) {
  running_ = &thread;
  warps_[thread.warp].ready &= ~(1u << thread.lane);
  threadIdx = thread.index;
}

void Block::run_next(bool for_good) {
  Thread& from = *running_;
  if (Thread* next = choose_next()) {
    make_running(*next);
    switch_fiber(from.fiber, next->fiber, for_good);
    return;
  }
  if (left_ != thread_count_) verdict_ = {Fault::stuck, 0, 0};
  switch_fiber(from.fiber, host_, for_good);
}

void Block::fail(Fault fault, int other) {
  verdict_ = {fault, flat(*running_), other};
  switch_fiber(running_->fiber, host_, true);
  __builtin_unreachable();
}

void Block::refuse(Fault fault, Where where) {
  running_->where = where;
  fail(fault, flat(*running_));
}

void Block::wait_at_barrier(Where where) {
  Thread& me = *running_;
  me.wait = Wait::barrier;
  me.where = where;
  if (at_barrier_ == 0) barrier_first_ = flat(me);
  if (!same_place(threads_[barrier_first_].where, where)) fail(Fault::different_barriers, barrier_first_);
  unsigned char* sync = &barrier_sync_[barrier_odd_];
  release(sync);
  if (++at_barrier_ == thread_count_) {
    at_barrier_ = 0;
    barrier_odd_ = !barrier_odd_;
    for (int i = 0; i < thread_count_; ++i) threads_[i].wait = Wait::none;
    for (int w = 0; w < warp_count_; ++w) warps_[w].ready = warps_[w].existing;
    warps_[me.warp].ready &= ~(1u << me.lane);
  } else {
    run_next(false);
  }
  acquire(sync);
}

void Block::wait_at_warp(const WarpOperation& operation, uint32_t mask, void* operand, Where where) {
  Thread& me = *running_;
  Warp& warp = warps_[me.warp];
  const uint32_t own = 1u << me.lane;
  me.wait = Wait::warp;
  me.where = where;
  me.operation = &operation;
  me.mask = mask;
  if ((mask & own) == 0) fail(Fault::not_in_mask, flat(me));
  mask &= warp.existing;
  warp.waiting |= own;
  warp.operands[me.lane] = operand;
  const int group = __builtin_ctz(mask);
  unsigned char* sync = &warp.sync[group][warp.odd >> group & 1u];
  if (operation.orders_memory) release(sync);
  if ((warp.waiting & mask) == mask) {
    finish_warp(warp, mask);
  } else {
    run_next(false);
  }
  if (operation.orders_memory) acquire(sync);
}

void Block::finish_warp(Warp& warp, uint32_t mask) {
  const Thread& me = *running_;
  Thread* lanes = &threads_[me.warp * kLanes];
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const Thread& other = lanes[__builtin_ctz(left)];
    if (other.operation != me.operation || other.mask != me.mask || !same_place(other.where, me.where)) {
      fail(Fault::different_operations, flat(other));
    }
  }
  me.operation->finish(warp.operands, mask);
  for (uint32_t left = mask; left != 0; left &= left - 1) lanes[__builtin_ctz(left)].wait = Wait::none;
  warp.waiting &= ~mask;
  warp.ready |= mask & ~(1u << me.lane);
  if (me.operation->orders_memory) warp.odd ^= 1u << __builtin_ctz(mask);
}

}  // namespace plumbline::twin
