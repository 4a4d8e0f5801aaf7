// SPDX-License-Identifier: Apache-2.0
// Without a sanitizer malloc and its kin are replaced here, for the libraries too (HDF5); with one its hooks are used.
#include "fuzz/heap_meter.h"

#include <malloc.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <new>

namespace {

std::atomic<int64_t> held{0};
int64_t held_at_reset = 0;
std::atomic<std::atomic<int64_t>*> shared_peak{nullptr};

void took(int64_t bytes) {
  const int64_t now = held.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  std::atomic<int64_t>* const peak = shared_peak.load(std::memory_order_relaxed);
  if (peak == nullptr) return;
  int64_t before = peak->load(std::memory_order_relaxed);
  while (before < now && !peak->compare_exchange_weak(before, now, std::memory_order_relaxed)) {
  }
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

extern "C" {
int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*, size_t), void (*)(const volatile void*));
size_t __sanitizer_get_allocated_size(const volatile void*);

// A sanitized child has no limit on its address space: in its place no single allocation is granted more than the
// 64 MiB that a reader may hold, and the refusal is malloc's. What is kept of freed memory is copied by each fork.
const char* __asan_default_options() {
  return "allocator_may_return_null=1:max_allocation_size_mb=64:quarantine_size_mb=16";
}
const char* __tsan_default_options() { return "allocator_may_return_null=1:max_allocation_size_mb=64"; }
}

namespace {
void on_malloc(const volatile void* data, size_t bytes) {
  if (data != nullptr) took(static_cast<int64_t>(bytes));
}
void on_free(const volatile void* data) {
  if (data != nullptr) took(-static_cast<int64_t>(__sanitizer_get_allocated_size(data)));
}
void install_hooks() { __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free); }
}  // namespace

#else

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);
}

namespace {
void install_hooks() {}
int64_t size_of(void* data) { return static_cast<int64_t>(malloc_usable_size(data)); }
void* counted(void* data) {
  if (data != nullptr) took(size_of(data));
  return data;
}
}  // namespace

extern "C" {
void* malloc(size_t bytes) { return counted(__libc_malloc(bytes)); }
void* calloc(size_t count, size_t bytes) { return counted(__libc_calloc(count, bytes)); }
void* memalign(size_t alignment, size_t bytes) { return counted(__libc_memalign(alignment, bytes)); }
void* aligned_alloc(size_t alignment, size_t bytes) { return counted(__libc_memalign(alignment, bytes)); }
int posix_memalign(void** out, size_t alignment, size_t bytes) {
  *out = counted(__libc_memalign(alignment, bytes));
  return *out == nullptr ? ENOMEM : 0;
}
void* realloc(void* old, size_t bytes) {
  const int64_t before = old == nullptr ? 0 : size_of(old);
  void* const data = __libc_realloc(old, bytes);
  if (data != nullptr || bytes == 0) took(-before);
  return counted(data);
}
void free(void* data) {
  if (data != nullptr) took(-size_of(data));
  __libc_free(data);
}
}  // extern "C"

#endif

namespace plumbline::test {

void start_heap_meter() {
  void* const page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::bad_alloc();
  shared_peak = new (page) std::atomic<int64_t>(0);
  install_hooks();
}

void reset_heap_peak() {
  held_at_reset = held.load();
  shared_peak.load()->store(held_at_reset);
}

int64_t heap_peak_bytes() { return shared_peak.load()->load() - held_at_reset; }

}  // namespace plumbline::test
