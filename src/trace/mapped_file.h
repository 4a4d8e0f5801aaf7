// SPDX-License-Identifier: Apache-2.0
// A file mapped read-only, guarded against being cut short (core/cut_short_guard.h). Invariant: the bytes stay mapped
// as long as the object lives.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "core/cut_short_guard.h"

namespace plumbline::trace {

class MappedFile {
 public:
  /// Maps `bytes` of `fd` (may be 0). Throws TraceError.
  static std::shared_ptr<const MappedFile> map(int fd, int64_t bytes, const std::filesystem::path& name);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(address_), bytes_}; }

 private:
  MappedFile(void* address, size_t bytes, const std::filesystem::path& name);
  void* address_ = nullptr;
  size_t bytes_ = 0;
  CutShortGuard guard_;
};

}  // namespace plumbline::trace
