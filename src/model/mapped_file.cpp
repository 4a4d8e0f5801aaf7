// SPDX-License-Identifier: Apache-2.0
#include "model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include <plumbline/error.h>

namespace plumbline {
namespace {

[[noreturn]] void cannot_read(const std::filesystem::path& file, const std::string& reason) {
  throw CheckpointError("cannot load the model: a file cannot be read",
                        {"file    " + file.string(), "reason  " + reason}, "check path and permissions");
}

struct Descriptor {
  int fd;
  ~Descriptor() { ::close(fd); }
};

/// The whole pages inside `part`.
std::span<const std::byte> whole_pages(std::span<const std::byte> part) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(part.data()), end = begin + part.size();
  const uintptr_t first = (begin + page - 1) / page * page, last = end / page * page;
  return first < last ? part.subspan(first - begin, last - first) : std::span<const std::byte>();
}

void advise(std::span<const std::byte> part, int advice) {
  const auto pages = whole_pages(part);
  if (!pages.empty()) ::madvise(const_cast<std::byte*>(pages.data()), pages.size(), advice);
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) cannot_read(file, std::strerror(errno));
  const Descriptor closer{fd};
  struct stat status {};
  if (::fstat(fd, &status) != 0) cannot_read(file, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) cannot_read(file, "not a regular file");
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return std::shared_ptr<const MappedFile>(new MappedFile(nullptr, 0, file.string()));
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) cannot_read(file, std::strerror(errno));
  return std::shared_ptr<const MappedFile>(new MappedFile(static_cast<const std::byte*>(data), size, file.string()));
}

// Where the system knows MADV_POPULATE_READ (Linux 5.14), one call in place of a fault for every few pages.
void MappedFile::prefetch(std::span<const std::byte> part) const { advise(part, MADV_POPULATE_READ); }

// The mapping is private and never written, so a page dropped is read from the file again.
void MappedFile::release(std::span<const std::byte> part) const { advise(part, MADV_DONTNEED); }

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace plumbline
