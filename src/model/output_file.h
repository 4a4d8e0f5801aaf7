// SPDX-License-Identifier: Apache-2.0
// A file that is being made in a folder of our own. Invariant: it did not exist before; what write() took is on the
// disk once finish() has returned. Whoever makes the folder removes it when something fails.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace plumbline {

class OutputFile {
 public:
  /// `verb` begins the messages. All members throw Error if the system refuses (a full disk).
  OutputFile(std::filesystem::path file, std::string verb);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* bytes, size_t count);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Also what the system still held back reaches the disk, or is an error.
  void finish();

 private:
  std::filesystem::path file_;
  std::string verb_;
  int handle_;
};

/// The whole of a small file.
void write_text_file(const std::filesystem::path& file, std::string_view text, const std::string& verb);

/// What is said of any file or folder that cannot be written; `reason` is an errno.
[[noreturn]] void cannot_write(const std::string& verb, const std::filesystem::path& file, int reason);

}  // namespace plumbline
