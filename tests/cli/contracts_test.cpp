// SPDX-License-Identifier: Apache-2.0
// `plumbline contracts`: a trace tells its own rounding points.
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"

using namespace plumbline::test;
using nlohmann::json;

namespace {

Said contracts(const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {"contracts"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return call(all);
}

std::string recorded(const std::string& name, const std::vector<std::string>& options) {
  return record(name, {"twin", options, "", 12});
}

/// The contracts that explain an op, in the report's order.
std::vector<std::string> explaining(const json& report, const std::string& op) {
  std::vector<std::string> names;
  for (const json& row : report["ops"])
    if (row["op"] == op)
      for (const json& fit : row["fits"])
        if (fit["explains"] == true) names.push_back(fit["contract"]);
  return names;
}

}  // namespace

TEST_CASE("every op of a healthy run is explained, each norm by its own rounding alone") {
  const std::string file = recorded("contracts.h5", {});
  const Said said = contracts({file, "--json"});
  REQUIRE(said.status == 0);
  const json report = json::parse(said.out);
  CHECK(report["schema"]["name"] == "plumbline-contracts");
  CHECK(report["judged"] == report["ops"].size());
  CHECK(explaining(report, "layer.0.in_norm") == std::vector<std::string>{"rmsnorm/llama"});
  CHECK(explaining(report, "layer.1.attn.q_rope") == std::vector<std::string>{"rope/neox-t"});
  const Said text = contracts({file});
  CHECK(text.says("rmsnorm/llama"));
  CHECK(text.says("next rmsnorm/olmo: 0.2"));
}

TEST_CASE("a run that rounds otherwise in one layer is told apart, by its bits and not by what its graph says") {
  const std::string file = recorded("contracts_single.h5", {"--fault", "norm.single_rounding@layer.1.in_norm"});
  const Said said = contracts({file, "--json"});
  REQUIRE(said.status == 0);
  const json report = json::parse(said.out);
  CHECK(explaining(report, "layer.0.in_norm") == std::vector<std::string>{"rmsnorm/llama"});
  CHECK(explaining(report, "layer.1.in_norm") == std::vector<std::string>{"rmsnorm/olmo"});
  CHECK(contracts({file}).says("layer 1"));
}

TEST_CASE(
    "the bits of the kernels tell that they add up in tensor-core steps; those of the oracle tell no such order") {
  const std::string candidate = record("contracts_order.h5", {"twin", {}, "", 96});
  const Said kernels = contracts({candidate});
  CHECK(kernels.says("all of these         tensor-core steps of 16: 0 of "));
  CHECK(kernels.says("in_norm              32 lanes of 4 columns, then halving: 0 of "));
  const std::string reference = record("contracts_other_order.h5", {"oracle", {}, "", 96});
  CHECK_FALSE(contracts({reference}).says("all of these         tensor-core steps of 16"));  // f64, rounded once
  const json report = json::parse(contracts({reference, "--json"}).out);
  for (const json& op : report["ops"])
    CHECK((op["kind"] == "linear" || op["kind"] == "rmsnorm") == (op["orders"]["tried"] > 0));
  CHECK_FALSE(contracts({reference}).says("in_norm              32 lanes of 4"));
  const Said found = call({"find", reference, candidate});
  CHECK(found.status == 0);
  CHECK(
      found.tells("order in which `layer.0.in_norm` adds its squares up: not told by its bits in the reference, "
                  "32 lanes of 4 columns, then halving in the candidate"));
}

TEST_CASE("what no contract explains, what cannot be judged, and what is no trace have statuses of their own") {
  const Said wrong =
      contracts({recorded("contracts_wrong.h5", {"--fault", "kernel.truncating_cast@layer.1.mlp.up_proj"})});
  CHECK(wrong.status == 1);
  CHECK(wrong.says("none known"));
  const Said sparse = contracts({recorded("contracts_sparse.h5", {"--taps", "logits"})});
  CHECK(sparse.status == 3);
  CHECK(sparse.says("not judged"));
  CHECK(contracts({model_directory() + "/config.json"}).status == 2);
}
