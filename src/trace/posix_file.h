// SPDX-License-Identifier: Apache-2.0
// Plain file calls that finish what they start or throw a TraceError with the file, the system's reason and a way out.
// Invariant: an Fd closes what it holds exactly once.
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <plumbline/error.h>

namespace plumbline::trace {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release();
  void reset();

 private:
  int fd_ = -1;
};

/// A TraceError of the usual form: "cannot <verb> <file>", reason, way out.
TraceError file_error(std::string_view verb, const std::filesystem::path& file, std::string_view reason,
                      std::string_view way_out);
/// The text of errno, and for a full disk, a missing directory or missing rights what to do about it.
TraceError system_error(std::string_view verb, const std::filesystem::path& file, int error);

/// Creates a new file for reading and writing; refuses one that exists.
Fd create_new(const std::filesystem::path& file);
/// Opens a regular file for reading (never blocks on a pipe or device); *bytes is its size.
Fd open_regular(const std::filesystem::path& file, int64_t* bytes);
void write_at(int fd, std::span<const std::byte> bytes, int64_t offset, const std::filesystem::path& file);
void append(int fd, std::string_view bytes, const std::filesystem::path& file);
/// Reads exactly `bytes.size()` bytes; false if the file ends before.
bool read_at(int fd, std::span<std::byte> bytes, int64_t offset, const std::filesystem::path& file);
void sync_data(int fd, const std::filesystem::path& file);
/// Renames and makes the new name durable. Throws TraceError if `to` exists by now, with `replace` only if it is no
/// regular file.
void publish(const std::filesystem::path& from, const std::filesystem::path& to, bool replace);
/// Throws TraceError if `file` exists and is no regular file of its own: a directory, a device, a symbolic link.
void check_replaceable(const std::filesystem::path& file);
/// Does a process hold the lock that HDF5 sets while it writes? False where the file system knows no locks.
bool is_being_written(const std::filesystem::path& file);

}  // namespace plumbline::trace
