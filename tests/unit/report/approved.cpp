// SPDX-License-Identifier: Apache-2.0
// Comparison with approved files.
#include "unit/report/approved.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "support/catch.h"
#include "support/temp_directory.h"

namespace plumbline::test {

std::string normalise(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) out += line.substr(0, line.find_last_not_of(" \r") + 1) + "\n";
  return out;
}

void check_approved(const std::string& name, const std::string& text) {
  const std::filesystem::path file = std::filesystem::path(PLUMBLINE_SOURCE_DIR) / "tests/unit/report/approved" / name;
  const std::string approved = std::filesystem::exists(file) ? read_file(file) : "";
  const std::string actual = normalise(text);
  if (actual != approved && std::getenv("PLUMBLINE_APPROVE") != nullptr) write_file(file, actual);
  INFO("approved text: " << file << " (PLUMBLINE_APPROVE=1 rewrites it)");
  CHECK(actual == approved);
}

}  // namespace plumbline::test
