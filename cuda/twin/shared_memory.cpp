// SPDX-License-Identifier: Apache-2.0
#include "cuda/twin/shared_memory.h"

#include <link.h>

#include <algorithm>
#include <cstring>
#include <string>

#include <plumbline/error.h>

#include "cuda/twin/device.h"
#include "cuda/twin/text.h"
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

// The loader's own entry to thread-local storage (ELF TLS ABI); no header declares it.
struct tls_index {
  unsigned long module, offset;
};
extern "C" void* __tls_get_addr(tls_index*);

namespace plumbline::twin {

__thread unsigned char* dynamic_shared_memory;

namespace {

constexpr size_t kAlignment = 128;
constexpr size_t kFenceBytes = 1024;
constexpr unsigned char kFence = 0xFD;

struct Search {
  uintptr_t address;
  bool first = true, found = false, main_program = false;
  SharedSegment segment;
};

int visit_library(dl_phdr_info* info, size_t, void* opaque) {
  Search& search = *static_cast<Search*>(opaque);
  const bool main_program = search.first;
  search.first = false;
  SharedSegment segment;
  bool holds = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    const uintptr_t start = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && search.address >= start && search.address < start + header.p_memsz) holds = true;
    if (header.p_type == PT_TLS) segment = {info->dlpi_tls_modid, header.p_memsz};
  }
  if (!holds) return 0;
  search.found = true;
  search.main_program = main_program;
  search.segment = segment;
  return 1;
}

void fill(std::byte* start, size_t bytes, uint16_t pattern) {
  if (bytes == 0) return;
  const std::byte low{uint8_t(pattern)}, high{uint8_t(pattern >> 8)};
  start[0] = low;
  if (bytes > 1) start[1] = high;
  for (size_t done = 2; done < bytes; done *= 2) std::memcpy(start + done, start, std::min(done, bytes - done));
}

}  // namespace

SharedSegment find_shared_segment(const void* kernel, const char* op) {
  Search search{reinterpret_cast<uintptr_t>(kernel), true, false, false, {}};
  dl_iterate_phdr(visit_library, &search);
  if (!search.found || search.main_program) {
    throw BackendError(std::string("twin: kernel '") + op + "' does not lie in a library of kernels",
                       {"its __shared__ variables cannot be told from other thread-locals"},
                       "build its .cu file with plumbline_add_kernels (cuda/CMakeLists.txt)");
  }
  return search.segment;
}

SharedMemory::SharedMemory()
    : storage_(std::make_unique<std::byte[]>(kMaxDynamicShared + 2 * kFenceBytes + kAlignment)) {
  const auto start = reinterpret_cast<uintptr_t>(storage_.get()) + kFenceBytes;
  data_ = reinterpret_cast<std::byte*>((start + kAlignment - 1) / kAlignment * kAlignment);
}

void SharedMemory::start_block(const SharedSegment& segment, size_t dynamic_bytes, uint16_t poison) {
  if (segment.bytes != 0) {
    tls_index index{segment.module, 0};
    fill(static_cast<std::byte*>(__tls_get_addr(&index)), segment.bytes, poison);
  }
  dynamic_bytes_ = dynamic_bytes;
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(data_, kMaxDynamicShared + kFenceBytes);  // a block that failed left its fence behind
#endif
  std::memset(data_ - kFenceBytes, kFence, kFenceBytes);
  fill(data_, dynamic_bytes, poison);
  std::memset(data_ + dynamic_bytes, kFence, kFenceBytes);
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(data_ + dynamic_bytes, kFenceBytes);
#endif
  dynamic_shared_memory = reinterpret_cast<unsigned char*>(data_);
}

void SharedMemory::check_fences(const char* op, uint3 block_index) const {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(data_ + dynamic_bytes_, kFenceBytes);
#endif
  for (size_t i = 0; i < kFenceBytes; ++i) {
    const bool before = data_[-1 - ptrdiff_t(i)] != std::byte{kFence};
    if (!before && data_[dynamic_bytes_ + i] == std::byte{kFence}) continue;
    throw BackendError(
        std::string("twin: kernel '") + op + "' writes outside its dynamic shared memory",
        {"block " + index_text(block_index), std::to_string(i + (before ? 1 : 0)) +
                                                 (before ? " bytes before the start" : " bytes past the end of ") +
                                                 (before ? "" : std::to_string(dynamic_bytes_) + " bytes")},
        "ask for more in LaunchShape::shared_bytes, or correct the index; the address sanitizer preset names the line");
  }
}

}  // namespace plumbline::twin
