// SPDX-License-Identifier: Apache-2.0
// `plumbline blame`: what causes the logits' difference, beside the first divergence.
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"

using namespace plumbline::test;
using nlohmann::json;

namespace {

Said blame(const std::string& reference, const std::string& candidate, const std::vector<std::string>& more = {}) {
  std::vector<std::string> all = {"blame", reference, candidate};
  all.insert(all.end(), more.begin(), more.end());
  return call(all);
}

std::string healthy() { return record("healthy.h5", {"oracle", {}, "", 12}); }

std::string faulty(const std::string& name, const std::vector<std::string>& faults) {
  Recording recording{"oracle", {}, "", 12};
  for (const std::string& fault : faults) recording.options.insert(recording.options.end(), {"--fault", fault});
  return record(name, recording);
}

}  // namespace

TEST_CASE("the first divergence and the main culprit differ, and the report names both") {
  const std::string candidate =
      faulty("small_then_large.h5", {"norm.eps=1e-5@layer.0.in_norm", "norm.weight_missing@layer.2.post_norm"});
  const Said text = blame(healthy(), candidate);
  INFO(text.out << text.err);
  CHECK(text.status == 1);
  CHECK(text.says("first divergence: layer.0.in_norm"));
  CHECK(text.says("main culprit: layer.2.post_norm"));
  CHECK(text.says("100.0%"));
  CHECK(text.says("moved most by layer.2.post_norm"));
  const Said said = blame(healthy(), candidate, {"--json"});
  const json report = json::parse(said.out);
  CHECK(report["schema"]["name"] == "plumbline-blame");
  CHECK(report["culprit"] == "layer.2.post_norm");
  CHECK(report["first_divergence"]["op"] == "layer.0.in_norm");
  CHECK(std::fabs(report["sum"]["shares"].get<double>() - 1.0) <= 1e-9);
  CHECK(report["sum"]["residue"].get<double>() <= 1e-9);
  double sum = 0.0;
  for (const json& piece : report["pieces"]) {
    sum += piece["share"].get<double>();
    if (piece["last"] == "layer.2.post_norm") CHECK(piece["role"] == "origin");
  }
  CHECK(std::fabs(sum - 1.0) <= 1e-9);
  CHECK_FALSE(report["flips"].empty());
  const Said both = call({"find", healthy(), candidate, "--blame"});
  CHECK(both.says("FIRST DIVERGENCE: layer.0.in_norm"));
  CHECK(both.says(text.out));
  CHECK(call({"find", healthy(), candidate, "--blame", "--json"}).status == 2);
}

TEST_CASE("blame has nothing to say of equal logits, spreads rounding, and does not pass what it cannot compare") {
  const Said equal = blame(healthy(), faulty("equal.h5", {}));
  CHECK(equal.status == 0);
  CHECK(equal.says("nothing to blame: the logits are equal"));
  const std::string longer = record("longer.h5", {"oracle", {}, "", 48});
  const Said rounding = blame(longer, record("rounding.h5", {"twin", {}, "", 48}), {"--top", "3"});
  INFO(rounding.out << rounding.err);
  CHECK(rounding.status == 0);
  CHECK(rounding.says("first divergence: none"));
  CHECK(rounding.says("more]"));
  const Said without = blame(healthy(), record("no_logits.h5", {"oracle", {"--taps", "layer.*"}, "", 12}));
  CHECK(without.status == 3);
  CHECK(without.says("nothing to blame: logits was not recorded on both sides"));
  const Said other = blame(healthy(), record("other.h5", {"oracle", {}, other_model_directory(), 12}));
  CHECK(other.status == 3);
  CHECK(other.says("nothing to blame"));
  CHECK(blame(healthy(), model_directory() + "/config.json").status == 2);
}
