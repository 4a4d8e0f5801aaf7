// SPDX-License-Identifier: Apache-2.0
// The JSON report parses, names its schema, and writes non-finite numbers as strings.
#include <limits>
#include <nlohmann/json.hpp>

#include "report/report.h"
#include "support/catch.h"
#include "unit/report/samples.h"

using namespace plumbline;
using nlohmann::json;

TEST_CASE("the report is JSON with schema, outcome, findings and ops") {
  const json out = json::parse(render_json(test::diverging_report()));
  CHECK(out["schema"]["name"] == "plumbline-report");
  CHECK(out["schema"]["version"] == "1.6");
  CHECK(out["outcome"]["verdict"] == "divergence");
  CHECK(out["outcome"]["exit_status"] == 1);
  CHECK(out["outcome"]["first_divergence"] == "layer.3.attn.k_norm");
  REQUIRE(out["findings"].size() == 2);
  CHECK(out["findings"][0]["location"]["cand"]["index"] == json({0, 7, 1, 42}));
  CHECK(out["findings"][0]["values"]["cand"][2]["bits"] == "0x3c48");
  CHECK(out["findings"][1]["contract"] == "rmsnorm/olmo");
  CHECK(out["ops"].size() == 34);
  CHECK(out["ops"][0]["metrics"]["gain"] == "nan");
  CHECK(out["unmatched"][0]["in"] == "ref");
}

TEST_CASE("NaN and infinities are strings, never null") {
  FindReport report = test::parity_report();
  report.ops[0].own_share = std::numeric_limits<double>::infinity();
  report.ops[0].max_abs = -std::numeric_limits<double>::infinity();
  const json out = json::parse(render_json(report));
  CHECK(out["ops"][0]["metrics"]["own_share"] == "inf");
  CHECK(out["ops"][0]["metrics"]["max_abs"] == "-inf");
  for (const json& op : out["ops"])
    for (const json& value : op["metrics"]) CHECK_FALSE(value.is_null());
}

TEST_CASE("broken UTF-8 in names still gives JSON") {
  FindReport report = test::inconclusive_report();
  report.reference.file = "ref\xff.h5";
  CHECK_NOTHROW(json::parse(render_json(report)));
}
