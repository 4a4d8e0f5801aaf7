// SPDX-License-Identifier: Apache-2.0
// What a policy does to a report: limits, contracts, the run, not-worse, waivers, required taps.
#include <plumbline/error.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "gate/gate.h"
#include "support/catch.h"

using namespace plumbline;

namespace {

const Date kToday = *parse_date("2026-11-21");

OpRow op_row(const std::string& name) {
  OpRow row;
  row.op = name;
  row.layer = name.starts_with("layer.") ? 1 : -1;
  row.role = Role::clean;
  row.judged = row.compared = true;
  row.own_share = 0.9;
  row.unequal = 0.2;
  return row;
}

/// Three judged ops at parity.
FindReport healthy() {
  FindReport report;
  report.outcome = Outcome::parity;
  report.model = "model";
  report.ops = {op_row("layer.1.in_norm"), op_row("layer.1.attn.softmax"), op_row("logits")};
  report.coverage = {3, 3, 3, 4};
  return report;
}

/// The second op has a finding.
FindReport faulty(const std::string& code, double own_share) {
  FindReport report = healthy();
  OpRow& row = report.ops[1];
  Finding finding;
  finding.code = code;
  finding.op = row.op;
  finding.role = row.role = code == "P0203" ? Role::contract : Role::origin;
  if (code == "P0203") finding.contract = row.contract = "rmsnorm/olmo";
  row.failed = true;
  row.own_share = own_share;
  row.mismatch = 0.01;
  report.findings = {finding};
  report.outcome = Outcome::divergence;
  return report;
}

Policy policy_with(Waiver waiver) {
  Policy policy;
  policy.file = "plumbline.toml";
  policy.waivers = {std::move(waiver)};
  return policy;
}

Waiver waiver(const std::string& code = "P0201", double ceiling = 8.0, const std::string& expires = "2027-01-31") {
  return {"W-1", "layer.*.softmax", code, "accepted", "@kim", "", ceiling, *parse_date(expires), 20};
}

const Finding* finding_of(const FindReport& report, const std::string& code) {
  const auto found = std::find_if(report.findings.begin(), report.findings.end(),
                                  [&](const Finding& finding) { return finding.code == code; });
  return found == report.findings.end() ? nullptr : &*found;
}

bool says(const std::vector<std::string>& lines, const std::string& text) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("a waived finding stays in the report with role waived, and the outcome is parity") {
  FindReport report = faulty("P0201", 3.0);
  apply_gate(report, policy_with(waiver()), {}, kToday);
  CHECK(report.outcome == Outcome::parity);
  REQUIRE(report.findings.size() == 1);
  const Finding& finding = report.findings[0];
  CHECK(finding.level == Level::note);
  CHECK(finding.role == Role::waived);
  CHECK(report.ops[1].role == Role::waived);
  REQUIRE(finding.accepted);
  CHECK(finding.accepted->by == "waiver W-1");
  CHECK(finding.accepted->where == "plumbline.toml:20");
  CHECK(finding.accepted->owner == "@kim");
  CHECK(finding.accepted->expires == "2027-01-31");
  CHECK(report.notes.empty());
}

TEST_CASE("a waiver holds for its code, below its ceiling and until its last day") {
  struct Row {
    const char* what;
    FindReport report;
    Waiver entry;
    Outcome outcome;
    std::string named;  // a code besides, or in the evidence
  };
  const Row rows[] = {
      {"at its ceiling", faulty("P0201", 8.0), waiver(), Outcome::parity, ""},
      {"above its ceiling", faulty("P0201", 8.01), waiver(), Outcome::divergence, "holds up to 8 x"},
      {"NaN is above every ceiling", faulty("P0301", std::numeric_limits<double>::infinity()), waiver("P0301"),
       Outcome::divergence, "this is inf"},
      {"another code", faulty("P0202", 0.9), waiver(), Outcome::divergence, "P0505"},
      {"its last day", faulty("P0201", 3.0), waiver("P0201", 8.0, "2026-11-21"), Outcome::parity, ""},
      {"a day too late", faulty("P0201", 3.0), waiver("P0201", 8.0, "2026-11-20"), Outcome::divergence, "P0506"},
      {"nothing to excuse", healthy(), waiver(), Outcome::divergence, "P0505"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    FindReport report = row.report;
    apply_gate(report, policy_with(row.entry), {}, kToday);
    CHECK(report.outcome == row.outcome);
    bool named = row.named.empty();
    for (const Finding& finding : report.findings)
      named = named || finding.code == row.named || says(finding.evidence, row.named);
    CHECK(named);
  }
}

TEST_CASE("an expired waiver is named beside the finding that counts again, and is no error by itself") {
  FindReport report = faulty("P0201", 3.0);
  apply_gate(report, policy_with(waiver("P0201", 8.0, "2026-11-18")), {}, kToday);
  REQUIRE(finding_of(report, "P0506") != nullptr);
  CHECK(finding_of(report, "P0506")->level == Level::warning);
  CHECK(finding_of(report, "P0506")->title.find("3 days ago") != std::string::npos);
  CHECK(finding_of(report, "P0201")->level == Level::error);
  CHECK(says(finding_of(report, "P0201")->evidence, "expired on 2026-11-18"));
  CHECK(report.headline.starts_with("1 finding;"));
}

TEST_CASE("a waiver for an op that was not judged is not called unused") {
  FindReport report = healthy();
  report.ops[1].role = Role::unknown;
  report.ops[1].judged = false;
  apply_gate(report, policy_with(waiver()), {}, kToday);
  CHECK(finding_of(report, "P0505") == nullptr);
  FindReport moot;
  apply_gate(moot, policy_with(waiver()), {}, kToday);
  CHECK(finding_of(moot, "P0505") == nullptr);
  CHECK(moot.outcome == Outcome::inconclusive);
}

TEST_CASE("a waiver with few days left is named in a note") {
  FindReport report = faulty("P0201", 3.0);
  apply_gate(report, policy_with(waiver("P0201", 8.0, "2026-11-24")), {}, kToday);
  CHECK(says(report.notes, "expires in 3 days"));
}

TEST_CASE("limits: stricter ones make findings, wider ones accept them") {
  struct Row {
    const char* what;
    FindReport report;
    size_t kind;
    double limit;
    Outcome outcome;
    std::string code;
  };
  const Row rows[] = {
      {"own share within", healthy(), kOwnShare, 0.9, Outcome::parity, ""},
      {"own share above", healthy(), kOwnShare, 0.89, Outcome::divergence, "P0503"},
      {"unequal above", healthy(), 2, 0.1, Outcome::divergence, "P0503"},
      {"own error within a wider limit", faulty("P0201", 3.0), kOwnShare, 3.0, Outcome::parity, "P0201"},
      {"own error above it", faulty("P0201", 3.1), kOwnShare, 3.0, Outcome::divergence, "P0201"},
      {"mismatch within a wider limit", faulty("P0202", 0.9), kMismatch, 0.01, Outcome::parity, "P0202"},
      {"but not with an own error above its bound", faulty("P0202", 1.1), kMismatch, 0.01, Outcome::divergence,
       "P0202"},
      {"a limit on one figure accepts no other finding", faulty("P0202", 0.9), kOwnShare, 5.0, Outcome::divergence,
       "P0202"},
      {"NaN is never within", faulty("P0301", std::numeric_limits<double>::infinity()), kOwnShare, 1e6,
       Outcome::divergence, "P0301"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    Policy policy;
    Rule rule;
    rule.limits[row.kind] = row.limit;
    policy.rules = {rule};
    FindReport report = row.report;
    apply_gate(report, policy, {}, kToday);
    CHECK(report.outcome == row.outcome);
    CHECK(report.findings.empty() == row.code.empty());
    if (!row.code.empty()) CHECK(finding_of(report, row.code) != nullptr);
  }
}

TEST_CASE("findings of the policy stand in execution order") {
  FindReport report = faulty("P0201", 3.0);
  Policy policy;
  Rule rule;
  rule.limits[2] = 0.1;  // unequal: every op breaches it
  policy.rules = {rule};
  apply_gate(report, policy, {}, kToday);
  std::vector<std::string> ops;
  for (const Finding& finding : report.findings) ops.push_back(finding.op);
  CHECK(ops == std::vector<std::string>{"layer.1.in_norm", "layer.1.attn.softmax", "layer.1.attn.softmax", "logits"});
}

TEST_CASE("contracts: the reference's own is allowed, others by name, and a stray one is a breach even at parity") {
  Policy policy;
  Rule rule;
  rule.contracts = std::vector<std::string>{};
  policy.rules = {rule};
  GateFacts facts;
  facts.reference_contracts = {{"layer.1.in_norm", "rmsnorm/llama"}};
  facts.candidate_contracts = {{"layer.1.in_norm", "rmsnorm/llama"}};
  FindReport same = healthy(), stray = healthy(), unlisted = healthy(), allowed = faulty("P0203", 3.0);
  apply_gate(same, policy, facts, kToday);
  CHECK(same.outcome == Outcome::parity);
  facts.candidate_contracts["layer.1.in_norm"] = "rmsnorm/olmo";
  apply_gate(stray, policy, facts, kToday);
  CHECK(stray.outcome == Outcome::divergence);
  REQUIRE(finding_of(stray, "P0504") != nullptr);
  CHECK(finding_of(stray, "P0504")->op == "layer.1.in_norm");
  CHECK(says(finding_of(stray, "P0504")->evidence, "rmsnorm/llama"));
  apply_gate(unlisted, Policy{}, facts, kToday);  // a policy that names no contracts leaves them to the numbers
  CHECK(unlisted.outcome == Outcome::parity);
  policy.rules[0].contracts = std::vector<std::string>{"rmsnorm/olmo"};
  apply_gate(allowed, policy, facts, kToday);
  CHECK(allowed.outcome == Outcome::parity);
  CHECK(finding_of(allowed, "P0203")->role == Role::waived);
}

TEST_CASE("a candidate that was run another way is a breach; a field it lacks counts as empty") {
  Policy policy;
  policy.candidate["backend"].allowed = {"cuda", "tw*"};
  policy.candidate["environment.kernel"].allowed = {""};
  GateFacts facts;
  facts.candidate_run = {{"backend", "twin"}};
  FindReport report = healthy();
  apply_gate(report, policy, facts, kToday);
  CHECK(report.outcome == Outcome::parity);
  facts.candidate_run = {{"backend", "torch"}, {"environment.kernel", "qkv=unfused"}};
  apply_gate(report, policy, facts, kToday);
  CHECK(report.outcome == Outcome::divergence);
  CHECK(report.findings.size() == 2);
  CHECK(report.findings[0].code == "P0504");
  CHECK(report.findings[0].title.find("'torch'") != std::string::npos);
}

TEST_CASE("not-worse: what breaks its contract is accepted if it is no further from exact arithmetic") {
  struct Row {
    const char* what;
    std::string failure;
    double share, reference_share, excess;
    Outcome outcome;
    std::string code;
  };
  const Row rows[] = {
      {"within its contract and as near", "", 0.99, 0.99, 0.3, Outcome::parity, ""},
      {"breaks the contract, but nearer", "P0201", 0.99, 1.9, -20.0, Outcome::parity, "P0201"},
      {"breaks the contract and further, in sum", "P0201", 0.99, 1.9, 6.0, Outcome::divergence, "P0201"},
      {"breaks the contract and further by chance, unexplained", "P0202", 0.99, 1.9, 0.1, Outcome::divergence, "P0202"},
      {"the same, explained by a known contract", "P0203", 0.99, 1.9, 4.9, Outcome::parity, "P0203"},
      {"explained, but further than chance", "P0203", 0.99, 1.9, 5.1, Outcome::divergence, "P0203"},
      {"breaks the contract and further, at one element", "P0201", 2.0, 1.9, -3.0, Outcome::divergence, "P0201"},
      {"within its contract, and by chance further", "", 1.2, 1.1, 5.1, Outcome::parity, ""},
      {"not measured, and broken", "P0201", std::nan(""), std::nan(""), std::nan(""), Outcome::divergence, "P0201"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    FindReport report = row.failure.empty() ? healthy() : faulty(row.failure, 3.0);
    OpRow& op = report.ops[1];
    op.exact_share = row.share;
    op.exact_reference_share = row.reference_share;
    op.exact_excess = row.excess;
    Policy policy;
    policy.kind = PolicyKind::not_worse;
    FindReport under_parity = report;
    apply_gate(report, policy, {}, kToday);
    CHECK(report.outcome == row.outcome);
    CHECK(report.findings.empty() == row.code.empty());
    if (!row.code.empty()) CHECK(finding_of(report, row.code) != nullptr);
    apply_gate(under_parity, Policy{}, {}, kToday);
    CHECK(under_parity.outcome == (row.failure.empty() ? Outcome::parity : Outcome::divergence));
  }
}

TEST_CASE("a required tap that one side lacks, or nobody knows, is inconclusive whatever is allowed to be missing") {
  GateFacts facts;
  facts.declared = {"layer.0.attn.q_rope", "layer.1.attn.q_rope", "logits"};
  facts.reference_taps = facts.declared;
  facts.candidate_taps = {"layer.0.attn.q_rope", "logits"};
  struct Row {
    std::string glob;
    Outcome outcome;
    std::string evidence;
  };
  const Row rows[] = {
      {"logits", Outcome::parity, ""},
      {"layer.*.attn.q_rope", Outcome::inconclusive, "layer.1.attn.q_rope was not recorded by the candidate"},
      {"layer.*.attn.k_rope", Outcome::inconclusive, "no tap of either side"}};
  for (const Row& row : rows) {
    INFO(row.glob);
    Policy policy;
    policy.required_taps = {{row.glob, 7}};
    policy.allow_missing = {{"*", 8}};
    FindReport report = healthy();
    apply_gate(report, policy, facts, kToday);
    CHECK(report.outcome == row.outcome);
    if (!row.evidence.empty()) {
      REQUIRE(finding_of(report, "P0502") != nullptr);
      CHECK(says(finding_of(report, "P0502")->evidence, row.evidence));
    }
  }
}

TEST_CASE("a rule or an allowance that matches nothing is refused with its line and the nearest name") {
  Policy rule, tap;
  rule.file = tap.file = "plumbline.toml";
  rule.rules = {Rule{}};
  rule.rules[0].match = "logit";
  rule.rules[0].line = 12;
  tap.allow_missing = {{"logit.x", 13}};
  GateFacts facts;
  facts.declared = {"logits"};
  for (const Policy& policy : {rule, tap}) {
    FindReport report = healthy();
    CHECK_THROWS_AS(apply_gate(report, policy, facts, kToday), InputError);
  }
}

TEST_CASE("a policy makes nothing of an inconclusive comparison") {
  FindReport moot;
  Finding finding;
  finding.code = "P0402";
  moot.findings = {finding};
  Policy policy = policy_with(waiver());
  apply_gate(moot, policy, {}, kToday);
  CHECK(moot.outcome == Outcome::inconclusive);
}
