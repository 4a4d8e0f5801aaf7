// SPDX-License-Identifier: Apache-2.0
// Policies on the real programs: `gate --policy`, waivers with real findings, not-worse against a kernel that rounds
// once less, and the verb `policy`.
#include <nlohmann/json.hpp>

#include <filesystem>

#include "cli/program.h"
#include "support/catch.h"
#include "support/temp_directory.h"

using namespace plumbline::test;

namespace {

std::string reference() { return record("ref.h5", {"oracle", {}, "", 16}); }
std::string healthy() { return record("cand.h5", {"twin", {}, "", 16}); }
std::string single() { return record("single.h5", {"twin", {"--kernel", "qkv=single@layer.1"}, "", 16}); }
std::string small_defect() { return record("eps.h5", {"twin", {"--fault", "norm.eps=1e-3@layer.2.in_norm"}, "", 16}); }

std::string policy(const std::string& name, const std::string& text) {
  const std::string file = scratch(name);
  write_file(file, "schema = \"plumbline-policy/1\"\n" + text);
  return file;
}

// A kernel that rounds once less has no value n between its roundings.
constexpr const char* kSuite = "[suite]\nallow_missing = [\"layer.*.in_norm.n\"]\n";

std::string waiver(const std::string& ceiling, const std::string& expires) {
  return "[[waiver]]\nid = \"W-1\"\nmatch = \"layer.1.in_norm\"\ncode = \"P0203\"\nceiling = " + ceiling +
         "\nreason = \"until kernel v2\"\nowner = \"@kim\"\nexpires = " + expires + "\n";
}

}  // namespace

TEST_CASE("a waiver excuses its finding until its day and below its ceiling, and is an error once it excuses nothing") {
  struct Row {
    std::string candidate, ceiling, today;
    int status;
    std::string says;
  };
  const Row rows[] = {
      {single(), "8", "2026-11-21", 0, "accepted: waiver W-1"},
      {single(), "8", "2027-01-30", 0, "waiver W-1 of @kim expires in 1 day"},
      {single(), "8", "2027-02-01", 1, "[P0506]"},
      {single(), "1.01", "2026-11-21", 1, "= evidence: waiver W-1 ("},
      {healthy(), "8", "2026-11-21", 1, "[P0505]"},
  };
  for (const Row& row : rows) {
    const std::string file = policy("waiver.toml", kSuite + waiver(row.ceiling, "2027-01-31"));
    const Said said = call({"gate", reference(), row.candidate, "--policy", file, "--today", row.today, "-n", "0"});
    INFO(said.out << said.err);
    CHECK(said.status == row.status);
    CHECK(said.says(row.says));
  }
  const std::string file = policy("waiver.toml", kSuite + waiver("8", "2027-01-31"));
  const Said said = call({"gate", reference(), single(), "--policy", file, "--today", "2026-11-21", "--json"});
  const auto report = nlohmann::json::parse(said.out);
  REQUIRE(report["findings"].size() == 1);
  CHECK(report["findings"][0]["role"] == "waived");
  CHECK(report["findings"][0]["accepted"]["owner"] == "@kim");
  CHECK(report["outcome"]["verdict"] == "parity");
}

TEST_CASE("not-worse accepts a kernel that rounds once less and refuses what is further from exact arithmetic") {
  const std::string file = policy("not_worse.toml", std::string(kSuite) + "policy = \"not-worse\"\n");
  const std::string parity = policy("parity.toml", std::string(kSuite) + "policy = \"parity\"\n");
  const std::string offset = record("offset.h5", {"twin", {"--fault", "norm.weight_offset@layer.1.in_norm"}, "", 16});
  const std::pair<std::string, int> rows[] = {{healthy(), 0}, {single(), 0}, {small_defect(), 1}, {offset, 1}};
  for (const auto& [candidate, status] : rows) {
    const Said said = call({"gate", reference(), candidate, "--policy", file});
    INFO(said.out << said.err);
    CHECK(said.status == status);
  }
  CHECK(call({"gate", reference(), single(), "--policy", parity}).status == 1);
  // The other way round the candidate rounds once more than its reference: further away.
  const std::string backwards = record("olmo_ref.h5", {"twin", {"--kernel", "qkv=single"}, "", 16});
  const Said worse = call({"gate", backwards, healthy(), "--policy", file});
  INFO(worse.out << worse.err);
  CHECK(worse.status == 1);
}

TEST_CASE("a policy that is wrong, or not there, is 2 and nothing is compared") {
  const std::string bad = policy("bad.toml", "[suite]\nmin_covrage = 1\n");
  const std::string dead = policy("dead.toml", "[[rule]]\nmatch = \"layer.1.in_nrm\"\nunequal = 1\n");
  struct Row {
    std::vector<std::string> options;
    std::string complaint;
  };
  const Row rows[] = {{{"--policy", bad}, "bad.toml:3: unknown key 'suite.min_covrage'"},
                      {{"--policy", dead}, "did you mean 'layer.1.in_norm'"},
                      {{"--policy", scratch("absent.toml")}, "absent.toml"},
                      {{"--today", "tomorrow"}, "--today is no date"}};
  for (const Row& row : rows) {
    std::vector<std::string> arguments{"gate", reference(), healthy()};
    arguments.insert(arguments.end(), row.options.begin(), row.options.end());
    const Said said = call(arguments);
    INFO(said.out << said.err);
    CHECK(said.status == 2);
    CHECK(said.complains(row.complaint));
    CHECK(said.out.empty());
  }
}

TEST_CASE("policy check, why and waivers") {
  const std::string file = policy("verb.toml",
                                  "[limits]\nunequal = 0.5\n[[rule]]\nmatch = \"layer.*.in_norm\"\n"
                                  "own_share = 2\nwhy = \"tree sum\"\n" +
                                      waiver("8", "2027-01-31"));
  const Said sound = call({"policy", "check", file, "--today", "2026-11-21"});
  CHECK(sound.status == 0);
  CHECK(sound.says("sound; parity, 2 rules, 1 waiver"));
  CHECK(sound.says("verb.toml:4: wider than the contract for layer.*.in_norm: tree sum"));
  const Said late = call({"policy", "check", file, "--today", "2027-02-01"});
  CHECK(late.status == 1);
  CHECK(late.says("waiver W-1 expired on 2027-01-31"));
  const Said why = call({"policy", "why", file, "layer.1.in_norm", "p0203", "--today", "2026-11-21"});
  INFO(why.out << why.err);
  CHECK(why.status == 0);
  CHECK(why.says("own_share  at most 2  " + file + ":4 (match layer.*.in_norm): tree sum"));
  CHECK(why.says("unequal    at most 0.5  " + file + ":2"));
  CHECK(why.says("waiver W-1  " + file + ":8: P0203"));
  CHECK(call({"policy", "why", file, "layer.1.in_norm", "P0201"}).says("no waiver for P0201"));
  CHECK(call({"policy", "why", file, "logits"}).says("at most 1, the derived bound  (no rule)"));
  CHECK(call({"policy", "why", file, "logits", "P9999"}).status == 2);
  const Said table = call({"policy", "waivers", file, "--today", "2026-11-21"});
  CHECK(table.status == 0);
  CHECK(table.says("W-1        P0203        8  2027-01-31 71 "));
  const Said expired = call({"policy", "waivers", file, "--today", "2027-02-03"});
  CHECK(expired.status == 1);
  CHECK(expired.says("expired 3 days ago"));
  CHECK(call({"policy", "check", policy("bad.toml", "[suite]\nmin_covrage = 1\n")}).status == 2);
  CHECK(call({"policy"}).status == 2);
}
