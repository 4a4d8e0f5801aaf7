// SPDX-License-Identifier: Apache-2.0
// Reading plumbline.toml: everything it can hold, and every way it can be wrong, with line and nearest name.
#include "gate/policy_file.h"

#include <plumbline/error.h>

#include <filesystem>

#include "support/catch.h"
#include "support/error_text.h"
#include "support/temp_directory.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

constexpr const char* kSchema = "schema = \"plumbline-policy/1\"\n";
constexpr const char* kWaiver =
    "[[waiver]]\nid = \"W-1\"\nmatch = \"layer.*.attn.softmax\"\ncode = \"P0202\"\nceiling = 8\nreason = \"r\"\n"
    "owner = \"@kim\"\nexpires = 2027-01-31\n";

Policy read(const std::string& text) {
  const TempDirectory directory;
  const std::string file = (directory / "plumbline.toml").string();
  write_file(file, text);
  return read_policy(file);
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  return text.replace(text.find(what), what.size(), by);
}

}  // namespace

TEST_CASE("a policy holds what the file says, and where") {
  const Policy policy =
      read(std::string(kSchema) +
           "[suite]\nname = \"tiny\"\npolicy = \"not-worse\"\nmin_coverage = 1\n"             // lines 2 to 5
           "required_taps = [\"logits\",\n  \"layer.*.attn.q_rope\"]\n"                       // 6, 7
           "allow_missing = [\"*.x32\"]\nnotice_days = 3\n"                                   // 8, 9
           "[candidate]\nbackend = [\"cuda\", \"twin\"]\nenvironment.kernel = [\"qkv=*\"]\n"  // 10 to 12
           "[limits]\nunequal = 0.5\ncontracts = []\n"                                        // 13 to 15
           "[[rule]]\nmatch = \"layer.*.in_norm\"\nown_share = 2.5\nwhy = \"tree sum\"\n" +   // 16 to 19
           kWaiver);                                                                          // 20
  CHECK(policy.suite == "tiny");
  CHECK(policy.kind == PolicyKind::not_worse);
  CHECK(policy.min_coverage == 1.0);
  REQUIRE(policy.required_taps.size() == 2);
  CHECK(policy.required_taps[1].glob == "layer.*.attn.q_rope");
  CHECK(policy.required_taps[1].line == 7);
  CHECK(policy.allow_missing.at(0).glob == "*.x32");
  CHECK(policy.notice_days == 3);
  CHECK(policy.candidate.at("backend").allowed == std::vector<std::string>{"cuda", "twin"});
  CHECK(policy.candidate.at("environment.kernel").line == 12);
  REQUIRE(policy.rules.size() == 2);
  CHECK(policy.rules[1].line == 16);
  CHECK(decide_limit(policy, "layer.3.in_norm", kOwnShare).limit == 2.5);
  CHECK(decide_limit(policy, "layer.3.in_norm", kOwnShare).rule == &policy.rules[1]);
  CHECK_FALSE(decide_limit(policy, "logits", kOwnShare).limit);
  CHECK(decide_limit(policy, "layer.3.in_norm", 2).limit == 0.5);  // [limits] holds where no rule sets the figure
  CHECK(decide_contracts(policy, "logits")->contracts->empty());
  REQUIRE(policy.waivers.size() == 1);
  const Waiver& waiver = policy.waivers[0];
  CHECK(waiver.line == 20);
  CHECK(date_text(waiver.expires) == "2027-01-31");
  CHECK(waiver.ceiling == 8.0);
  CHECK(waivers_for(policy, "layer.7.attn.softmax", "P0202").size() == 1);
  CHECK(waivers_for(policy, "layer.7.attn.softmax", "P0201").empty());
  CHECK(waivers_for(policy, "layer.7.attn.k_norm", "P0202").empty());
}

TEST_CASE("the last rule that sets a figure decides it") {
  const Policy policy = read(std::string(kSchema) +
                             "[limits]\nmax_abs = 1\n[[rule]]\nmatch = \"*\"\nmax_abs = 2\n"
                             "[[rule]]\nmatch = \"layer.*\"\nmax_abs = 3\ntotal = 4\n");
  CHECK(decide_limit(policy, "logits", 3).limit == 2.0);
  CHECK(decide_limit(policy, "layer.1.resid1", 3).limit == 3.0);
  CHECK_FALSE(decide_limit(policy, "logits", 4).limit);
}

TEST_CASE("whatever is wrong is refused with file, line and the nearest name") {
  const std::string schema = kSchema, waiver = schema + kWaiver;
  const std::pair<std::string, std::vector<std::string>> rows[] = {
      {"", {"'schema' is missing"}},
      {"schema = \"plumbline-policy/9\"\n", {":1:", "plumbline-policy/1"}},
      {schema + "[suit]\n", {":2:", "unknown key 'suit'", "did you mean 'suite'"}},
      {schema + "[suite]\nmin_covrage = 1\n", {":3:", "suite.min_covrage", "did you mean 'min_coverage'"}},
      {schema + "[suite]\nmin_coverage = \"1\"\n", {":3:", "is a text, it must be a number"}},
      {schema + "[suite]\nmin_coverage = 1.5\n", {":3:", "between 0 and 1"}},
      {schema + "[suite]\nmin_coverage = nan\n", {":3:", "between 0 and 1"}},
      {schema + "[suite]\npolicy = \"notworse\"\n", {":3:", "'parity' or 'not-worse'"}},
      {schema + "[suite]\nrequired_taps = \"logits\"\n", {":3:", "list of texts"}},
      {schema + "[suite]\nrequired_taps = [1]\n", {":3:", "list of texts"}},
      {schema + "[suite]\nrequired_taps = [\"layers/*/q\"]\n", {":3:", "no glob over tap paths", "dotted"}},
      {schema + "[suite]\nrequired_taps = [\"layer.[0-3].q\"]\n", {":3:", "globs know * and ?"}},
      {schema + "[suite]\nrequired_taps = [\"\"]\n", {":3:", "matches nothing"}},
      {schema + "suite = 1\n", {":2:", "[suite]"}},
      {schema + "[rule]\nmatch = \"*\"\n", {":2:", "[[rule]]"}},
      {schema + "[[rule]]\nmatch = \"logits\"\n", {"sets nothing"}},
      {schema + "[[rule]]\nmax_abs = 1\n", {":2:", "'rule.match' is missing"}},
      {schema + "[limits]\nown_share = 2\n", {"'limits.why' is missing"}},
      {schema + "[limits]\nmismatch = 0.1\n", {"'limits.why' is missing"}},
      {schema + "[limits]\ncontracts = [\"rmsnorm/olmoo\"]\n", {":3:", "did you mean 'rmsnorm/olmo'"}},
      {schema + "[candidate]\nbackends = [\"twin\"]\n", {":3:", "did you mean 'backend'"}},
      {schema + "[candidate]\nenvironment = 3\n", {":3:", "must be a table"}},
      {schema + "[suite\n", {":2:", "no TOML"}},
      {schema + "[suite]\nname = \"a\"\nname = \"b\"\n", {":4:", "no TOML"}},
      {waiver + kWaiver, {":10:", "waiver 'W-1' stands there twice", "line 2"}},
      {replaced(waiver, "reason = \"r\"\n", ""), {":2:", "'waiver.reason' is missing"}},
      {replaced(waiver, "reason = \"r\"", "reason = \" \""), {":7:", "'waiver.reason' is empty"}},
      {replaced(waiver, "owner = \"@kim\"\n", ""), {":2:", "'waiver.owner' is missing"}},
      {replaced(waiver, "ceiling = 8\n", ""), {":2:", "'waiver.ceiling' is missing"}},
      {replaced(waiver, "ceiling = 8", "ceiling = -1"), {":6:", "must lie between"}},
      {replaced(waiver, "expires = 2027-01-31\n", ""), {":2:", "'waiver.expires' is missing"}},
      {replaced(waiver, "2027-01-31", "\"2027-01-31\""), {":9:", "without quotes"}},
      {replaced(waiver, "2027-01-31", "2027-02-31"), {":9:", "no TOML"}},
      {replaced(waiver, "P0202", "P9999"), {":5:", "no such code", "P0201"}},
      {replaced(waiver, "P0202", "P0402"), {":5:", "cannot be waived"}},
      {replaced(waiver, "layer.*.attn.softmax", "*"), {":4:", "matches every op"}},
      {replaced(waiver, "layer.*.attn.softmax", "*.*"), {":4:", "matches every op"}},
      {replaced(waiver, "owner", "ownr"), {":8:", "did you mean 'owner'"}},
  };
  for (const auto& [text, complaints] : rows) {
    INFO(text);
    const std::string said = error_text<InputError>([&text = text] { read(text); });
    INFO(said);
    CHECK(said.find("plumbline.toml:") != std::string::npos);
    for (const std::string& complaint : complaints) CHECK(said.find(complaint) != std::string::npos);
  }
  CHECK(error_text<InputError>([] { read_policy("no/such/plumbline.toml"); }).find("no/such/plumbline.toml") !=
        std::string::npos);
}

TEST_CASE("the policy is looked for here and above, up to the repository's root and no further") {
  const TempDirectory directory;
  const std::filesystem::path root = directory.path(), deep = root / "repo" / "a" / "b";
  std::filesystem::create_directories(deep);
  write_file((root / "plumbline.toml").string(), kSchema);
  CHECK_FALSE(find_policy_file(deep));  // no repository: nothing above is meant
  CHECK(find_policy_file(root) == root / "plumbline.toml");
  std::filesystem::create_directories(root / "repo" / ".git");
  CHECK_FALSE(find_policy_file(deep));
  write_file((root / "repo" / "plumbline.toml").string(), kSchema);
  CHECK(find_policy_file(deep) == root / "repo" / "plumbline.toml");
  write_file((deep / "plumbline.toml").string(), kSchema);
  CHECK(find_policy_file(deep) == deep / "plumbline.toml");
}
