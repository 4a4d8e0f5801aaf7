// SPDX-License-Identifier: Apache-2.0
// A directory that lives as long as its object: made below the system's temporary directory, removed with all it holds.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace plumbline::test {

class TempDirectory {
 public:
  /// Throws std::filesystem::filesystem_error if none can be made.
  TempDirectory();
  ~TempDirectory();
  TempDirectory(TempDirectory&& other) noexcept;
  TempDirectory& operator=(TempDirectory&&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;  ///< empty once moved from
};

/// Replaces or makes a file with exactly these bytes.
void write_file(const std::filesystem::path& file, std::string_view bytes);
std::string read_file(const std::filesystem::path& file);

}  // namespace plumbline::test
