// SPDX-License-Identifier: Apache-2.0
// scripts/check_gpu_records.sh: what a GPU recorded is what the twin computes, and the script can fail.
// scripts/gpu_all.sh: without a GPU it says so.
#include "cli/program.h"
#include "support/catch.h"

using namespace plumbline::test;

namespace {

Said script(const std::string& name, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {PLUMBLINE_SOURCE_DIR "/scripts/" + name};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program("/bin/bash", arguments);
}

}  // namespace

TEST_CASE("the twin gives the bits that LibTorch and our kernels gave on a GPU") {
  const Said said =
      script("check_gpu_records.sh", {"--build", PLUMBLINE_BINARY_DIR, "--python", PLUMBLINE_TORCH_PYTHON});
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  CHECK(said.says("bit-identical, 6095 of 6095 taps"));
  CHECK(said.says("bit-identical, 3705 of 3705 taps"));
  CHECK(said.says("7500 of 7500 taps by digest"));
  CHECK(said.out.ends_with("GPU records: 5 of 5 agree\n"));
}

TEST_CASE("records cannot be checked by programs that are not there, nor proved without a GPU") {
  const Said nowhere = script("check_gpu_records.sh", {"--build", "/nowhere", "--python", PLUMBLINE_TORCH_PYTHON});
  CHECK(nowhere.status == 2);
  CHECK(nowhere.complains("no programs in /nowhere"));
  const Said part = script("gpu_all.sh", {"sped"});
  CHECK(part.status == 2);
  CHECK(part.complains("no part 'sped'"));
}
