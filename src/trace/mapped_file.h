// SPDX-License-Identifier: Apache-2.0
// A file mapped read-only. If somebody cuts the file short while it is mapped, touching a lost page raises SIGBUS; the
// handler installed with the first mapping then prints which file it was and ends the program with status 2 (unusable
// input) instead of a crash. Faults elsewhere go to whoever handled SIGBUS before.
// Invariant: the bytes stay mapped as long as the object lives.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

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
  int slot_ = -1;
};

}  // namespace plumbline::trace
