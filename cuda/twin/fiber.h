// SPDX-License-Identifier: Apache-2.0
// One suspended flow of control and the raw switch between two of them (Boost.Context's fcontext: a few nanoseconds, no
// system call). Invariant: both sanitizers are told of every switch. A fiber never moves to another host thread.
// Left to others: who runs next (block.cpp), where stacks come from (stacks.h).
// PLUMBLINE_TWIN_TSAN is defined for thread-sanitizer builds; the runtime itself is not instrumented, so the compiler's
// own macro is not set here. Switches carry no synchronisation: only barriers order memory, as on a GPU.
#pragma once
#include <cstddef>

#include <boost/context/detail/fcontext.hpp>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(PLUMBLINE_TWIN_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace plumbline::twin {

struct Fiber {
  boost::context::detail::fcontext_t context = nullptr;
  std::byte* stack_bottom = nullptr;  // of the host thread's own flow: learnt at the first switch away from it
  size_t stack_bytes = 0;
  bool is_host_thread = false;
  [[maybe_unused]] void* asan_fake_stack = nullptr;
  [[maybe_unused]] void* tsan_fiber = nullptr;
};

using FiberEntry = void (*)(boost::context::detail::transfer_t);

/// Makes `fiber` start at `entry` on its (unused or abandoned) stack at the next switch; `offset` bytes at the top stay
/// unused, so that fibers' hot frames do not meet in one cache set.
inline void rewind_fiber(Fiber& fiber, FiberEntry entry, size_t offset) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(fiber.stack_bottom, fiber.stack_bytes);
#endif
  fiber.asan_fake_stack = nullptr;
  fiber.context = boost::context::detail::make_fcontext(fiber.stack_bottom + fiber.stack_bytes - offset,
                                                        fiber.stack_bytes - offset, entry);
}

/// The first thing on a fiber that starts: notes where the one that jumped here can go on.
inline void arrive_first(boost::context::detail::transfer_t transfer) {
  Fiber& from = *static_cast<Fiber*>(transfer.data);
  from.context = transfer.fctx;
#if defined(__SANITIZE_ADDRESS__)
  const void* bottom = nullptr;
  size_t bytes = 0;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
  if (from.is_host_thread) {
    from.stack_bottom = static_cast<std::byte*>(const_cast<void*>(bottom));
    from.stack_bytes = bytes;
  }
#endif
}

/// Suspends `from`, which is running, and continues `to`; returns when somebody switches back. With `for_good` it must
/// not be continued.
inline void switch_fiber(Fiber& from, Fiber& to, [[maybe_unused]] bool for_good = false) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(for_good ? nullptr : &from.asan_fake_stack, to.stack_bottom, to.stack_bytes);
#endif
#if defined(PLUMBLINE_TWIN_TSAN)
  __tsan_switch_to_fiber(to.tsan_fiber, __tsan_switch_to_fiber_no_sync);
#endif
  const auto transfer = boost::context::detail::jump_fcontext(to.context, &from);
  static_cast<Fiber*>(transfer.data)->context = transfer.fctx;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.asan_fake_stack, nullptr, nullptr);
#endif
}

}  // namespace plumbline::twin
