// SPDX-License-Identifier: Apache-2.0
// scripts/healthy_pairs.sh: a slice of its pairs, and that it does not pass where find alarms, leaves ops unjudged or
// was given too few pairs.
#include "cli/program.h"
#include "support/catch.h"

using namespace plumbline::test;

namespace {

Said pairs(const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {PLUMBLINE_SOURCE_DIR "/scripts/healthy_pairs.sh"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program("/bin/bash", arguments);
}

const std::string kPrograms = PLUMBLINE_BINARY_DIR "/bin";

Said on_small_model(const std::string& count, const std::string& programs) {
  return pairs({"--model", model_directory(), "--bin", programs, "--slice", count});
}

}  // namespace

TEST_CASE("a slice of the healthy pairs of the trained models: find has nothing to say") {
  const Said said = pairs({"--bin", kPrograms, "--slice", "12"});
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  for (const char* part : {"qwen3-tiny", "llama-tiny", "oracle 1 ", "twin 1+6", "788 of 788 ops"})
    CHECK(said.says(part));
  CHECK(said.out.ends_with("\nno finding in 12 of 12 pairs\n"));
  CHECK(said.complains("12 of 12 pairs"));
}

TEST_CASE("healthy pairs fail on an alarm, and say how to see it again") {
  const std::string alarming = programs_with_find(
      "alarming", "\"$real\" \"$@\" | sed 's/\"verdict\": \"parity\"/\"verdict\": \"divergence\"/'; exit 1");
  const Said said = on_small_model("2", alarming);
  INFO(said.out << said.err);
  CHECK(said.status == 1);
  CHECK(said.says("divergence"));
  CHECK(said.says("plumbline find ref.h5 cand.h5"));
  CHECK(said.out.ends_with("\nno finding in 0 of 2 pairs\n"));
}

TEST_CASE("parity over a part of the ops is no healthy pair") {
  const std::string lazy =
      programs_with_find("lazy", "\"$real\" \"$@\" | sed 's/\"judged_ops\": [0-9]*/\"judged_ops\": 3/'");
  const Said said = on_small_model("2", lazy);
  INFO(said.out << said.err);
  CHECK(said.status == 1);
  CHECK(said.says("3 of "));
  CHECK(said.out.ends_with("\nno finding in 0 of 2 pairs\n"));
}

TEST_CASE("fewer healthy pairs than asked for are inconclusive") {
  const Said said = on_small_model("0", kPrograms);
  INFO(said.out << said.err);
  CHECK(said.status == 3);
  CHECK(said.out.ends_with("\nno finding in 0 of 0 pairs\n"));
}
