// SPDX-License-Identifier: Apache-2.0
// A folder that is being made under the name NAME.part. Invariant: NAME is the whole new folder or what it was before;
// nothing else is left, whether this ends by an error or by a signal that can be caught.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/on_termination.h"

namespace plumbline {

/// One at a time (a signal handler refers to it).
class PartFolder {
 public:
  static std::filesystem::path name_of_part(const std::filesystem::path& name) { return name.string() + ".part"; }
  /// What a folder that is replaced is called between two renames.
  static std::filesystem::path name_of_old(const std::filesystem::path& name) { return name.string() + ".old"; }

  /// Makes NAME.part, which must not be there. `files`: names of all files that may be written into it; `verb`: who
  /// says that it was interrupted. Throws std::filesystem::filesystem_error.
  PartFolder(std::filesystem::path name, const std::vector<std::string>& files, const std::string& verb);
  ~PartFolder();  ///< removes it, unless it took its name
  PartFolder(const PartFolder&) = delete;
  PartFolder& operator=(const PartFolder&) = delete;

  /// Renames it to NAME. A folder of that name goes first, and is removed once this one stands in its place.
  void take_name();
  /// The same where a folder of that name may only be an empty one. Throws std::filesystem::filesystem_error if
  /// something has come into it.
  void take_empty_name();

 private:
  void rename_part();

  std::filesystem::path name_, part_;
  bool taken_ = false;
  std::optional<OnTermination> handler_;
};

}  // namespace plumbline
