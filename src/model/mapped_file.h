// SPDX-License-Identifier: Apache-2.0
// A whole regular file as read-only memory, shared by everything that borrows from it.
// Invariant: the mapping lives as long as the object; the length is the file's when it was
// opened; if it is cut short meanwhile the program ends with status 2 (core/cut_short_guard.h).
#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/cut_short_guard.h"

namespace plumbline {

class MappedFile {
 public:
  /// Throws CheckpointError if the path is no readable regular file (devices and pipes are refused, not waited for).
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& file);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  /// Hints about bytes of this file, rounded to pages: they are wanted soon; they have been read, so that whole pages
  /// of them need not stay mapped. Both leave what is read unchanged.
  void prefetch(std::span<const std::byte> part) const;
  void release(std::span<const std::byte> part) const;

 private:
  MappedFile(const std::byte* data, size_t size, const std::string& name)
      : data_(data), size_(size), guard_(data, size, "model file", name) {}
  const std::byte* data_;  ///< nullptr for an empty file
  size_t size_;
  CutShortGuard guard_;
};

}  // namespace plumbline
