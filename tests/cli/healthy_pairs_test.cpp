// SPDX-License-Identifier: Apache-2.0
// scripts/healthy_pairs.sh: a slice of its pairs, that it does not pass where find alarms, leaves ops unjudged or was
// given too few pairs, and that it says which pairs it left out.
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
  const Said said = pairs({"--bin", kPrograms, "--slice", "10", "--python", PLUMBLINE_CAPTURE_PYTHON});
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  for (const char* part :
       {"llama-tiny", "qwen3-tiny exact norms", "qwen3-tiny notes norms", "oracle 1 ", "788 of 788 ops"})
    CHECK(said.says(part));
  const bool captured =
      said.says("\nllama-tiny              capture 7 ") && said.says("\nqwen3-tiny              capture 7 ");
  CHECK(captured != said.says("pairs with a capture, since " PLUMBLINE_CAPTURE_PYTHON " lacks "));
  CHECK(said.out.ends_with("\nno finding in 10 of 10 pairs\n"));
  CHECK(said.complains("10 of 10 pairs"));
}

TEST_CASE("pairs that need a capture are counted where no Python can make one") {
  for (const char* python : {"/bin/false", "/nowhere/python"}) {
    const Said said = pairs({"--model", model_directory(), "--bin", kPrograms, "--slice", "1", "--python", python});
    INFO(said.out << said.err);
    CHECK(said.status == 0);
    CHECK(said.says("\nleft out: "));
    CHECK(said.says(std::string(" pairs with a capture, since ") + python + " lacks "));
    CHECK_FALSE(said.says("left out: 0"));
  }
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
