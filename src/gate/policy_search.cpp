// SPDX-License-Identifier: Apache-2.0
// The search for plumbline.toml.
#include "gate/policy_file.h"

namespace plumbline {

std::optional<std::filesystem::path> find_policy_file(const std::filesystem::path& start) {
  constexpr const char* kName = "plumbline.toml";
  std::error_code none;
  std::optional<std::filesystem::path> found;
  for (std::filesystem::path folder = start;; folder = folder.parent_path()) {
    if (!found && std::filesystem::exists(folder / kName, none)) found = folder / kName;
    if (std::filesystem::exists(folder / ".git", none)) return found;
    if (folder == folder.parent_path()) break;
  }
  // No repository: nothing above the current folder is meant.
  if (std::filesystem::exists(start / kName, none)) return start / kName;
  return std::nullopt;
}

}  // namespace plumbline
