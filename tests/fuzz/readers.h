// SPDX-License-Identifier: Apache-2.0
// Every reader of files that nobody vouches for, with sound files to start from.
// Invariant: read() returns if the file was sound, throws plumbline::Error if it was refused; all else is a defect.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/mutator.h"

namespace plumbline::test {

struct Reader {
  std::string_view name;
  Form form;
  /// Makes in `folder` what a mutant needs beside it, and gives sound files.
  std::vector<std::string> (*seeds)(const std::filesystem::path& folder);
  /// Puts the bytes where they belong in `folder`, reads them and all that they describe.
  void (*read)(const std::filesystem::path& folder, std::string_view bytes);
};

const std::vector<Reader>& all_readers();

}  // namespace plumbline::test
