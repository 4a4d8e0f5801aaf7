// SPDX-License-Identifier: Apache-2.0
#include "trace/mapped_file.h"

#include <sys/mman.h>

#include <cerrno>

#include "trace/posix_file.h"

namespace plumbline::trace {
MappedFile::MappedFile(void* address, size_t bytes, const std::filesystem::path& name)
    : address_(address), bytes_(bytes), guard_(address, bytes, "trace", name.string()) {}

MappedFile::~MappedFile() {
  if (bytes_ > 0) ::munmap(address_, bytes_);
}

std::shared_ptr<const MappedFile> MappedFile::map(int fd, int64_t bytes, const std::filesystem::path& name) {
  void* address = nullptr;
  if (bytes > 0) {
    address = ::mmap(nullptr, static_cast<size_t>(bytes), PROT_READ, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) throw system_error("map", name, errno);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(address, static_cast<size_t>(bytes), name));
}

}  // namespace plumbline::trace
