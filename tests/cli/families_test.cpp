// SPDX-License-Identifier: Apache-2.0
// Every family through the real programs: its checkpoints are at parity between backends, op by op, in prefill and
// decode; its ports' defects are located at the op that has them and named. The table: tests/support/families.h.
#include <plumbline/model.h>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"
#include "support/families.h"

namespace plumbline::test {
namespace {

constexpr int kTokens = 16;
// Codes of what the traces say of their parameters, which names what numbers cannot: one random matrix in another's
// place. All other causes must be named from the numbers alone.
const std::string kOfParameters = "P04";
// The candidate's prefill; the rest are decode steps.
const std::vector<std::string> kInSteps = {"--prefill", "11"};

#ifdef PLUMBLINE_HAVE_TORCH
const char* const kReference = "torch";
#else
const char* const kReference = "oracle";
#endif

/// The directory of a row's checkpoint, made once.
std::string directory_of(const FamilyRow& row, size_t number) {
  static std::map<std::string, TempDirectory> made;
  const std::string name = row.architecture + std::to_string(number);
  if (!made.contains(name)) made.emplace(name, write_tiny_model(row.models.at(number)));
  return made.at(name).path().string();
}

std::string trace(const FamilyRow& row, size_t number, const std::string& name, const std::string& backend,
                  const std::vector<std::string>& options) {
  return record(row.architecture + std::to_string(number) + name + ".h5",
                {backend, options, directory_of(row, number), kTokens});
}

/// What the findings at `op` name: their codes, the likely cause, the contract that was kept instead.
std::string named_at(const nlohmann::json& report, const std::string& op) {
  std::string named;
  for (const nlohmann::json& finding : report.at("findings")) {
    if (finding.at("op") != op) continue;
    named += finding.at("code").get<std::string>() + ": " + finding.at("title").get<std::string>() + "\n";
    if (finding.at("contract").is_string()) named += finding.at("contract").get<std::string>() + "\n";
    for (const nlohmann::json& cause : finding.at("causes")) {
      if (cause.at("status") != "likely") continue;
      named += cause.at("code").get<std::string>() + ": " + cause.at("text").get<std::string>() + "\n";
      break;
    }
  }
  return named;
}

}  // namespace

TEST_CASE("checkpoints of every family are at parity, every op judged, in prefill and decode") {
  for (const FamilyRow& row : families()) {
    REQUIRE(row.models.size() >= 3);
    for (size_t number = 0; number < row.models.size(); ++number) {
      INFO(row.architecture << ", checkpoint " << number);
      const Said said = call({"find", trace(row, number, "reference", kReference, kInSteps),
                              trace(row, number, "twin", "twin", kInSteps)});
      INFO(said.out << said.err);
      CHECK(said.status == 0);
      CHECK(said.says("PARITY"));
      CHECK(said.says("(100.0%)"));
    }
  }
}

TEST_CASE("faults of every family are located at the op that has them, and named") {
  for (const FamilyRow& row : families()) {
    REQUIRE(row.faults.size() >= 10);
    const Model model = load_model(directory_of(row, 0));
    const std::string reference = trace(row, 0, "reference", kReference, kInSteps);
    int number = 0;
    for (const FamilyFault& fault : row.faults) {
      INFO(row.architecture << ", " << fault.fault);
      std::vector<std::string> options = kInSteps;
      options.insert(options.end(), {"--fault", fault.fault});
      const std::string candidate = trace(row, 0, "fault" + std::to_string(number++), "twin", options);
      std::vector<std::string> find = {"find", reference, candidate, "--json"};
      if (!fault.cause.starts_with(kOfParameters)) find.push_back("--ignore-digests");
      const Said said = call(find);
      INFO(said.err);
      CHECK(said.status == 1);
      const nlohmann::json report = nlohmann::json::parse(said.out);
      const std::string first = plan_fault(model, fault.fault).ops.at(0);
      CHECK(report.at("outcome").at("first_divergence") == first);
      const std::string named = named_at(report, first);
      INFO("named: " << named);
      CHECK(named.find(fault.cause) != std::string::npos);
    }
  }
}

}  // namespace plumbline::test
