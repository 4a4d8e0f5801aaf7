// SPDX-License-Identifier: Apache-2.0
// scripts/fault_matrix.sh on a small model: a slice of the matrix, and that it does not believe a tool that finds
// nothing, everything, or another cause.
#include <cstdio>

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

/// The numbers of the line "detectable N: caught a, located b, named c".
std::vector<int> detectable(const std::string& out) {
  const size_t at = out.find("\ndetectable ");
  REQUIRE(at != std::string::npos);
  std::vector<int> numbers(4, -1);
  REQUIRE(std::sscanf(out.c_str() + at, " detectable %d: caught %d, located %d, named %d", &numbers[0], &numbers[1],
                      &numbers[2], &numbers[3]) == 4);
  return numbers;
}

}  // namespace

TEST_CASE("forty faults drawn at random: what is large enough is caught and located, healthy pairs give nothing") {
  const Said said = matrix({"--runs", "40", "--clean", "5"});
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  const std::vector<int> counted = detectable(said.out);
  CHECK(counted[0] >= 30);                   // most draws are large enough
  CHECK(counted[1] == counted[0]);           // caught
  CHECK(counted[2] >= counted[0] - 1);       // located
  CHECK(counted[3] * 10 >= counted[0] * 8);  // named
  CHECK(said.says("\nfaulty 40: caught "));
  CHECK(said.says("share of outputs moved"));
  CHECK(said.out.ends_with("; clean 5: findings 0\n"));
}

TEST_CASE("healthy pairs with the orders of LibTorch on a GPU, on one side only, give nothing") {
  const Said said = matrix(
      {"--model", PLUMBLINE_SOURCE_DIR "/dumps/models/llama-tiny", "--runs", "0", "--clean", "0", "--sm90", "3"});
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  CHECK(said.out.ends_with("; clean 3: findings 0\n"));
  const Said unknown = matrix({"--runs", "0", "--clean", "0", "--sm90", "3"});
  CHECK(unknown.status == 1);
  CHECK(unknown.complains("a shape whose orders on a GPU are known"));
}

TEST_CASE("a seed stands for one table") {
  CHECK(matrix({"--runs", "3", "--clean", "1"}).out == matrix({"--runs", "3", "--clean", "1"}).out);
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
  const Said open =
      matrix({"--runs", "0", "--clean", "2"}, programs_with_find("matrix_open", "echo INCONCLUSIVE; exit 3"));
  CHECK(open.status == 1);
  CHECK(open.says("clean pairs left open: 2 of 2"));
  CHECK(open.out.ends_with("clean 2: findings 0\n"));
  CHECK(matrix({"--runs", "0", "--clean", "0"}).status == 1);
}
