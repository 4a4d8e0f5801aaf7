// SPDX-License-Identifier: Apache-2.0
// Stacks by mmap: memory is committed by the system only where a fiber really writes.
#include "cuda/twin/stacks.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>

#include <plumbline/error.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace plumbline::twin {
namespace {

constexpr size_t kGuardBytes = 4096;
#if defined(__SANITIZE_ADDRESS__) || defined(PLUMBLINE_TWIN_TSAN)
constexpr size_t kStackBytes = 512 * 1024;  // red zones and unshared slots make frames several times larger
#else
constexpr size_t kStackBytes = 128 * 1024;
#endif

[[noreturn]] void fail_no_room(size_t count) {
  throw BackendError("twin: no room for another fiber stack",
                     {std::to_string(count) + " stacks of " + std::to_string(kStackBytes) + " bytes are mapped",
                      std::string("system: ") + std::strerror(errno)},
                     "use fewer worker threads, or raise vm.max_map_count");
}

// A thread leaves for good with its red zones still marked, and the sanitizer does not see munmap: without this,
// whatever the system maps there next (a checkpoint's file) is forbidden ground.
void forget_red_zones([[maybe_unused]] std::byte* mapping) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(mapping, kGuardBytes + kStackBytes);
#endif
}

}  // namespace

StackPool::~StackPool() {
  for (std::byte* mapping : mappings_) {
    forget_red_zones(mapping);
    munmap(mapping, kGuardBytes + kStackBytes);
  }
}

std::span<std::byte> StackPool::stack(size_t index) {
  while (mappings_.size() <= index) {
    void* mapping = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (mapping == MAP_FAILED) fail_no_room(mappings_.size());
    if (mprotect(mapping, kGuardBytes, PROT_NONE) != 0) {
      munmap(mapping, kGuardBytes + kStackBytes);
      fail_no_room(mappings_.size());
    }
    mappings_.push_back(static_cast<std::byte*>(mapping));
  }
  return {mappings_[index] + kGuardBytes, kStackBytes};
}

}  // namespace plumbline::twin
