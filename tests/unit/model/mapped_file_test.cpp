// SPDX-License-Identifier: Apache-2.0
// A file of a model that is cut short while it is read ends the program as unusable input does, and leaves no half
// directory behind.
#include "model/mapped_file.h"

#include <sys/wait.h>
#include <unistd.h>

#include "model/part_folder.h"
#include "support/catch.h"
#include "support/temp_directory.h"

namespace plumbline {

TEST_CASE("a file cut short while it is mapped ends the program with status 2, and a folder being made goes") {
  const test::TempDirectory directory;
  test::write_file(directory / "model.safetensors", std::string(size_t{1} << 20, 'x'));
  const pid_t child = ::fork();
  if (child == 0) {
    PartFolder folder(directory / "out", {"config.json"}, "import");
    test::write_file(directory / "out.part/config.json", "{}");
    const auto file = MappedFile::open(directory / "model.safetensors");
    std::filesystem::resize_file(directory / "model.safetensors", 4096);
    unsigned sum = 0;
    for (const std::byte byte : file->bytes()) sum += static_cast<unsigned>(byte);
    ::_exit(sum == 0 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 2);
  CHECK_FALSE(std::filesystem::exists(directory / "out.part"));
  CHECK_FALSE(std::filesystem::exists(directory / "out"));
}

}  // namespace plumbline
