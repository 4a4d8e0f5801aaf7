// SPDX-License-Identifier: Apache-2.0
#include "trace/posix_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/printable.h"

namespace plumbline::trace {
namespace {

std::string_view way_out_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return "free space or write elsewhere; `plumbline recover` saves what was recorded so far";
    case ENOENT:
    case ENOTDIR: return "check the path; a missing directory must be made first";
    case EACCES:
    case EPERM:
    case EROFS: return "choose a file that you may access";
    case EEXIST: return "choose another name or remove the file";
    default: return "";
  }
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int Fd::release() { return std::exchange(fd_, -1); }

void Fd::reset() {
  if (fd_ >= 0) ::close(release());
}

TraceError file_error(std::string_view verb, const std::filesystem::path& file, std::string_view reason,
                      std::string_view way_out) {
  return TraceError("cannot " + std::string(verb) + " " + file.string(), {printable_lines(reason)}, way_out);
}

TraceError system_error(std::string_view verb, const std::filesystem::path& file, int error) {
  return file_error(verb, file, std::strerror(error), way_out_of(error));
}

Fd create_new(const std::filesystem::path& file) {
  Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd) throw system_error("create", file, errno);
  return fd;
}

Fd open_regular(const std::filesystem::path& file, int64_t* bytes) {
  Fd fd(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) throw system_error("open", file, errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw system_error("open", file, errno);
  if (!S_ISREG(info.st_mode)) throw file_error("open", file, "it is not a regular file", "give the path of a trace");
  *bytes = info.st_size;
  return fd;
}

void write_at(int fd, std::span<const std::byte> bytes, int64_t offset, const std::filesystem::path& file) {
  while (!bytes.empty()) {
    const ssize_t done = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) throw system_error("write", file, done < 0 ? errno : ENOSPC);
    bytes = bytes.subspan(static_cast<size_t>(done));
    offset += done;
  }
}

void append(int fd, std::string_view bytes, const std::filesystem::path& file) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) throw system_error("write", file, done < 0 ? errno : ENOSPC);
    bytes.remove_prefix(static_cast<size_t>(done));
  }
}

bool read_at(int fd, std::span<std::byte> bytes, int64_t offset, const std::filesystem::path& file) {
  while (!bytes.empty()) {
    const ssize_t done = ::pread(fd, bytes.data(), bytes.size(), offset);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw system_error("read", file, errno);
    if (done == 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(done));
    offset += done;
  }
  return true;
}

void sync_data(int fd, const std::filesystem::path& file) {
  if (::fdatasync(fd) != 0) throw system_error("sync", file, errno);
}

void publish(const std::filesystem::path& from, const std::filesystem::path& to, bool replace) {
  if (replace) check_replaceable(to);
  int rc = replace ? ::rename(from.c_str(), to.c_str())
                   : ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  if (rc != 0 && !replace && (errno == EINVAL || errno == ENOSYS)) {  // a file system without the flag
    if (std::filesystem::exists(to)) throw system_error("finish", to, EEXIST);
    rc = ::rename(from.c_str(), to.c_str());
  }
  if (rc != 0) throw system_error("finish", to, errno);
  const std::filesystem::path directory = to.has_parent_path() ? to.parent_path() : ".";
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) ::fsync(fd.get());  // some file systems refuse to sync a directory; the rename itself has happened
}

void check_replaceable(const std::filesystem::path& file) {
  using std::filesystem::file_type;
  std::error_code unknown;  // a missing folder or right is told, in better words, by the call that creates the file
  const file_type type = std::filesystem::symlink_status(file, unknown).type();
  if (unknown || type == file_type::regular || type == file_type::not_found) return;
  throw file_error("replace", file,
                   type == file_type::directory ? "it is a directory"
                   : type == file_type::symlink ? "it is a symbolic link"
                                                : "it is a device, pipe or socket",
                   "only a regular file is replaced: choose the name of a file");
}

bool is_being_written(const std::filesystem::path& file) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  return fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace plumbline::trace
