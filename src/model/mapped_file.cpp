// SPDX-License-Identifier: Apache-2.0
#include "model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
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

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) cannot_read(file, std::strerror(errno));
  const Descriptor closer{fd};
  struct stat status {};
  if (::fstat(fd, &status) != 0) cannot_read(file, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) cannot_read(file, "not a regular file");
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return std::shared_ptr<const MappedFile>(new MappedFile(nullptr, 0));
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) cannot_read(file, std::strerror(errno));
  return std::shared_ptr<const MappedFile>(new MappedFile(static_cast<const std::byte*>(data), size));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace plumbline
