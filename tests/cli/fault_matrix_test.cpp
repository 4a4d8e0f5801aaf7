// SPDX-License-Identifier: Apache-2.0
// scripts/fault_matrix.sh on a small model: a slice of the matrix, and that it does not believe a tool that finds
// nothing, everything, or another cause.
#include "cli/program.h"
#include "support/catch.h"

using namespace plumbline::test;

namespace {

Said matrix(const std::vector<std::string>& size, const std::string& programs = PLUMBLINE_BINARY_DIR "/bin") {
  std::vector<std::string> arguments = {
      PLUMBLINE_SOURCE_DIR "/scripts/fault_matrix.sh", "--model", model_directory(), "--bin", programs, "--seed", "20"};
  arguments.insert(arguments.end(), size.begin(), size.end());
  return run_program("/bin/bash", arguments);
}

}  // namespace

TEST_CASE("faults drawn at random are caught, located and explained, healthy pairs give nothing") {
  const Said said = matrix({"--runs", "12", "--clean", "3"});
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  CHECK(said.says("\nfaulty 12: caught 12, located 12, named "));
  CHECK(said.out.ends_with("; clean 3: findings 0\n"));
  CHECK(matrix({"--runs", "12", "--clean", "3"}).out == said.out);  // a seed stands for one table
}

TEST_CASE("the matrix fails where find sees nothing, and counts a healthy pair's finding") {
  const std::string blind = programs_with_find("matrix_blind", "exec \"$real\" find \"$2\" \"$2\" --json");
  const Said missed = matrix({"--runs", "3", "--clean", "0"}, blind);
  INFO(missed.out << missed.err);
  CHECK(missed.status == 1);
  CHECK(missed.says("caught 0, located 0, named 0"));
  const std::string alarmed = programs_with_find("matrix_alarmed", "echo DIVERGENCE; exit 1");
  const Said alarm = matrix({"--runs", "0", "--clean", "2"}, alarmed);
  INFO(alarm.out << alarm.err);
  CHECK(alarm.status == 1);
  CHECK(alarm.out.ends_with("faulty 0: caught 0, located 0, named 0; clean 2: findings 2\n"));
  CHECK(matrix({"--runs", "0", "--clean", "0"}).status == 1);
}
