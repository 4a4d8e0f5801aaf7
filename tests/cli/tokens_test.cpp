// SPDX-License-Identifier: Apache-2.0
// `plumbline tokens` as a user runs it.
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"

using namespace plumbline::test;

namespace {

std::string generated(const std::string& name, const std::vector<std::string>& more = {}) {
  std::vector<std::string> options = {"--new", "6"};
  options.insert(options.end(), more.begin(), more.end());
  return record(name, {"twin", options, "", 16});
}

}  // namespace

TEST_CASE("two runs that say the same are 0, with no divergence at any position") {
  const Said said = call({"tokens", generated("a.h5"), generated("b.h5")});
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  CHECK(said.says("all 21 common positions hold the same tokens"));  // 16 fed, and 5 of the 6 generated
  CHECK(said.says("mean 0, largest 0 nats"));
  CHECK(said.says("the same at 21 of 21"));
}

TEST_CASE("a run that says something else is 1, with the position, both tokens and the margin") {
  const std::string faulty = generated("faulty.h5", {"--fault", "weight.transposed@layer.1.attn.o_proj"});
  const Said said = call({"tokens", generated("a.h5"), faulty, "--rows", "3"});
  INFO(said.out << said.err);
  CHECK(said.status == 1);
  CHECK(said.says("first differing token at position 16"));
  CHECK(said.says("chosen by the logits of position 15"));
  CHECK(said.says("margin"));
  CHECK(said.says("[13 more]"));  // of 16 positions

  const Said json = call({"tokens", generated("a.h5"), faulty, "--json"});
  const auto report = nlohmann::json::parse(json.out);
  CHECK(json.status == 1);
  CHECK(report.at("first_difference") == 16);
  REQUIRE(report.at("positions").size() == 16);
  // The token that each run chose is the likeliest one of its own logits.
  const auto& last = report.at("positions").back();
  CHECK(last.at("reference").at("best") == report.at("reference").at(16));
  CHECK(last.at("candidate").at("best") == report.at("candidate").at(16));
  CHECK(last.at("kl") > 0.0);
  CHECK(report.at("reference_repetition").at("grams") == 2);  // of five generated tokens that were fed
  CHECK(said.says("repetition, candidate: "));
}

TEST_CASE("other prompts are 3, a model without a tokenizer shows ids") {
  const std::string shorter = record("short.h5", {"twin", {}, "", 12});
  const std::string other = record("other.h5", {"twin", {"--fault", "embed.scale"}, "", 12});
  CHECK(call({"tokens", shorter, other}).status == 0);
  const Said missing = call({"tokens", shorter, other, "--model", "/nonexistent"});
  CHECK(missing.status == 2);
  CHECK(missing.complains("/nonexistent"));
  CHECK(call({"tokens", shorter}).status == 2);
}

TEST_CASE("two runs fed one text: --choices holds what they would have said next against each other") {
  const std::string faulty =
                        record("forced.h5", {"twin", {"--fault", "weight.transposed@layer.1.attn.o_proj"}, "", 16}),
                    sound = record("given.h5", {"twin", {}, "", 16}),
                    again = record("given_again.h5", {"twin", {}, "", 16}),
                    bare = record("bare.h5", {"twin", {"--taps", "embed"}, "", 16});
  CHECK(call({"tokens", sound, faulty}).status == 0);  // the same tokens were fed
  const Said said = call({"tokens", sound, faulty, "--choices"});
  INFO(said.out << said.err);
  CHECK(said.status == 1);
  CHECK(said.says("first other choice:"));
  CHECK(said.says("of 16 positions; the reference's margin there is at most"));
  const auto report = nlohmann::json::parse(call({"tokens", sound, faulty, "--json"}).out);
  const auto first = report.at("first_other_choice").get<size_t>();
  for (size_t i = 0; i <= first; ++i) {
    const auto& position = report.at("positions").at(i);
    CHECK((position.at("reference").at("best") == position.at("candidate").at("best")) == (i < first));
  }
  const Said same = call({"tokens", sound, again, "--choices"});
  CHECK(same.status == 0);
  CHECK_FALSE(same.says("other choice"));
  CHECK(call({"tokens", sound, bare, "--choices"}).status == 3);
  CHECK(call({"tokens", sound, bare}).status == 0);
}

TEST_CASE("runs of two checkpoints are 3 and compared only if asked for") {
  const std::string other = record("elsewhere.h5", {"twin", {}, other_model_directory(), 16});
  const Said said = call({"tokens", generated("a.h5"), other});
  INFO(said.out << said.err);
  CHECK(said.status == 3);
  for (const char* text : {"error[P0401]", "different checkpoints", "same model directory", "--ignore-digests"})
    CHECK(said.says(text));
  CHECK_FALSE(said.says("KL("));
  const Said json = call({"tokens", generated("a.h5"), other, "--json"});
  CHECK(json.status == 3);
  CHECK(nlohmann::json::parse(json.out).at("finding").at("code") == "P0401");
  const Said forced = call({"tokens", generated("a.h5"), other, "--ignore-digests"});
  CHECK(forced.says("KL("));
  CHECK(nlohmann::json::parse(call({"tokens", generated("a.h5"), generated("b.h5"), "--json"}).out).at("finding") ==
        nullptr);
}
