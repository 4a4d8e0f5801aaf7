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
  report.coverage = {ops, judged, judged, 4};
  return report;
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
    apply_gate(report, {row.minimum, {}});
    CHECK(report.outcome == row.outcome);
    CHECK(report.findings.empty() == (row.outcome == Outcome::parity));
  }
  FindReport report = parity(1, 1);
  CHECK_THROWS_AS(apply_gate(report, {1.5, {}}), UsageError);
}

TEST_CASE("a tap on one side only is inconclusive unless a glob allows it") {
  FindReport report = parity(10, 10);
  report.unmatched = {{"layer.0.in_norm.x32", true, {}}, {"layer.1.in_norm.x32", true, {}}};
  FindReport allowed = report;
  apply_gate(report, {});
  CHECK(report.outcome == Outcome::inconclusive);
  CHECK(report.findings.at(0).code == "P0502");
  CHECK(report.findings.at(0).evidence.size() == 2);
  apply_gate(allowed, {0.98, {"layer.*.x32"}});
  CHECK(allowed.outcome == Outcome::parity);
}

TEST_CASE("a divergence stays one") {
  FindReport report = parity(1, 10);
  report.outcome = Outcome::divergence;
  apply_gate(report, {});
  CHECK(report.outcome == Outcome::divergence);
  CHECK(report.findings.size() == 1);
}
