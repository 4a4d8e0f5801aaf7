// SPDX-License-Identifier: Apache-2.0
// A gate only makes outcomes stricter.
#include "gate/gate.h"

#include <plumbline/error.h>

#include "support/catch.h"

using namespace plumbline;

namespace {

FindReport parity(int64_t judged, int64_t ops) {
  FindReport report;
  report.outcome = Outcome::parity;
  report.model = "model";
  report.coverage = {ops, judged, judged, 4};
  return report;
}

void gate(FindReport& report, double min_coverage = 0.98, const std::vector<std::string>& allow_missing = {}) {
  Policy policy;
  policy.min_coverage = min_coverage;
  for (const std::string& glob : allow_missing) policy.allow_missing.push_back({glob, 0});
  apply_gate(report, policy, {}, {});
}

}  // namespace

TEST_CASE("too little judged is inconclusive, enough is a pass") {
  struct Row {
    int64_t judged, ops;
    double minimum;
    Outcome outcome;
  };
  const Row rows[] = {
      {98, 100, 0.98, Outcome::parity}, {97, 100, 0.98, Outcome::inconclusive},
      {0, 100, 0.0, Outcome::parity},   {0, 0, 0.98, Outcome::inconclusive},  // nothing to compare is not a pass
      {100, 100, 1.0, Outcome::parity},
  };
  for (const Row& row : rows) {
    FindReport report = parity(row.judged, row.ops);
    gate(report, row.minimum);
    CHECK(report.outcome == row.outcome);
    CHECK(report.findings.empty() == (row.outcome == Outcome::parity));
  }
  FindReport report = parity(1, 1);
  CHECK_THROWS_AS(gate(report, 1.5), UsageError);
}

TEST_CASE("a tap on one side only is inconclusive unless a glob allows it") {
  FindReport report = parity(10, 10);
  report.unmatched = {{"layer.0.in_norm.x32", true, {}}, {"layer.1.in_norm.x32", true, {}}};
  FindReport allowed = report;
  gate(report);
  CHECK(report.outcome == Outcome::inconclusive);
  CHECK(report.findings.at(0).code == "P0502");
  CHECK(report.findings.at(0).evidence.size() == 2);
  gate(allowed, 0.98, {"layer.*.x32"});
  CHECK(allowed.outcome == Outcome::parity);
}

TEST_CASE("an op that lacks its inputs is passed over if every tap it lacks may be missing, and stays unjudged") {
  struct Row {
    std::vector<std::string> globs;
    double coverage;
    Outcome outcome;
    std::string code;  // of the one finding; "" for none
  };
  const Row rows[] = {
      {{}, 0.5, Outcome::inconclusive, "P0104"},
      {{"layer.0.*"}, 0.5, Outcome::inconclusive, "P0104"},  // embed is missing too
      {{"layer.0.*", "embed"}, 0.5, Outcome::parity, ""},
      {{"*"}, 0.98, Outcome::inconclusive, "P0501"},  // 9 of 10 judged
  };
  for (const Row& row : rows) {
    FindReport report = parity(9, 10);
    report.outcome = Outcome::inconclusive;
    OpRow open;
    open.op = "layer.1.in_norm";
    open.compared = true;
    open.missing = {"embed", "layer.0.resid2"};
    report.ops = {open};
    Finding unjudged;
    unjudged.code = "P0104";
    report.findings = {unjudged};
    gate(report, row.coverage, row.globs);
    CHECK(report.outcome == row.outcome);
    REQUIRE(report.findings.size() == (row.code.empty() ? 0 : 1));
    if (!row.code.empty()) CHECK(report.findings[0].code == row.code);
    CHECK(report.ops[0].role == (row.code == "P0104" ? Role::unknown : Role::waived));
    CHECK(report.notes.empty() == (row.code == "P0104"));
  }
}

TEST_CASE("a fork of the generated tokens still decides when the missing ops are passed over") {
  FindReport report = parity(9, 10);
  report.outcome = Outcome::inconclusive;
  OpRow open;
  open.compared = true;
  open.missing = {"embed"};
  report.ops = {open};
  Finding unjudged, fork;
  unjudged.code = "P0104";
  fork.code = "P0405";
  fork.level = Level::note;
  report.findings = {unjudged, fork};
  gate(report, 0.5, {"*"});
  CHECK(report.outcome == Outcome::inconclusive);
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].code == "P0405");
}

TEST_CASE("a divergence stays one") {
  FindReport report = parity(1, 10);
  report.outcome = Outcome::divergence;
  gate(report);
  CHECK(report.outcome == Outcome::divergence);
  CHECK(report.findings.size() == 1);
}

TEST_CASE("positions that the candidate lacks are not passed over") {
  FindReport report = parity(10, 10);
  report.reference.positions = 7;
  report.coverage.positions = 3;
  gate(report);
  CHECK(report.outcome == Outcome::inconclusive);
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].code == "P0501");
  CHECK(report.headline == "only 3 of the reference's 7 positions were compared");
}
