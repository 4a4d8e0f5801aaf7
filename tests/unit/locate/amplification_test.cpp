// SPDX-License-Identifier: Apache-2.0
// Predictions from weights beside measured growth: by hand, and on runs of a model whose key norms were made large.
#include "locate/amplification.h"

#include <algorithm>
#include <cmath>

#include "locate/find.h"
#include "support/catch.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

FindReport amplification_of_pair(const Trace& reference, const Trace& candidate) {
  FindOptions options;
  options.threads = 2;
  options.draws = 4;
  options.amplification = true;
  return find_divergence(reference, candidate, bench().model(), options);
}

double largest_weight(const std::string& name) {
  const TensorView weights = bench().model().parameters.at(name).view();
  double largest = 0.0;
  for (int64_t i = 0; i < element_count(weights.shape); ++i) largest = std::max(largest, std::fabs(weights.at(i)));
  return largest;
}

}  // namespace

TEST_CASE("growth is counted from the first layer whose result differs, predictions from the next one on") {
  OpGraph graph;
  std::vector<OpRow> rows;
  // Two ops a layer; the totals are what was measured, the weights 10, 20, 30 what is predicted.
  const double totals[] = {0.0, 0.0, 0.001, 0.002, 0.004, 0.003};
  for (int i = 0; i < 6; ++i) {
    const std::string name = "layer." + std::to_string(i / 2) + (i % 2 == 0 ? ".attn.k_norm" : ".resid2");
    OpRow row;
    row.op = name;
    row.kind = i % 2 == 0 ? "rmsnorm" : "add";
    row.layer = i / 2;
    row.compared = true;
    row.total = totals[i];
    if (i % 2 == 0) row.predicted_gain = 10.0 * (i / 2 + 1);
    rows.push_back(row);
    graph.ops.emplace_back().name = name;
  }
  const Amplification result = amplification_of(graph, rows);
  CHECK(result.entered_at == "layer.1.resid2");
  CHECK(result.entered == 0.002);
  REQUIRE(result.layers.size() == 3);
  CHECK(result.layers[0].predicted == 10.0);
  CHECK(std::isnan(result.layers[0].compounded));
  CHECK(std::isnan(result.layers[0].growth));
  CHECK(result.layers[1].predicted == 20.0);
  CHECK(result.layers[1].compounded == 1.0);
  CHECK(result.layers[1].growth == 1.0);
  CHECK(result.layers[2].compounded == 30.0);
  CHECK(result.layers[2].growth == Approx(1.5));
  CHECK(result.layers[2].difference == 0.003);
  CHECK(result.predicted_at_end == 30.0);
  CHECK(result.growth_at_end == Approx(1.5));
  OpRow head = rows.back();
  head.op = "logits";
  head.layer = -1;
  graph.ops.emplace_back().name = head.op;
  for (OpRow& row : rows) row.total = 0.0;
  rows.push_back(head);
  CHECK(amplification_of(graph, rows).entered_at.empty());  // no layer differs
  rows.pop_back();
  graph.ops.pop_back();
  const Amplification equal = amplification_of(graph, rows);
  CHECK(equal.entered_at.empty());
  CHECK(equal.predicted_at_end == 6000.0);
  CHECK(std::isnan(equal.growth_at_end));
}

TEST_CASE("every norm is predicted by its largest weight, and noise is drawn for every op that takes some") {
  const Trace trace = bench().record("amplification_a.h5", {text_tokens(9)});
  const FindReport report = amplification_of_pair(trace, trace);
  REQUIRE(report.amplification);
  CHECK(report.amplification->layers.size() == 4);
  for (const OpRow& row : report.ops) {
    INFO(row.op);
    CHECK(std::isnan(row.predicted_gain) == (row.kind != "rmsnorm"));
    CHECK(std::isnan(row.benign_gain) == (row.kind == "embedding" || row.kind == "rope_table"));
  }
  double product = 1.0;
  for (const LayerGrowth& layer : report.amplification->layers) {
    const double largest = largest_weight("model.layers." + std::to_string(layer.layer) + ".self_attn.k_norm.weight");
    CHECK(layer.predicted == largest);
    product *= largest;
  }
  CHECK(report.amplification->predicted_at_end == Approx(product));
  CHECK_FALSE(find_divergence(trace, trace, bench().model()).amplification);
}

TEST_CASE("a difference grows far less than large key norms predict") {
  const Trace reference = bench().record("amplification_b.h5", {text_tokens(9)});
  Bench::Run run{text_tokens(9)};
  run.faults = {"norm.single_rounding@layer.0.in_norm"};
  const FindReport report = amplification_of_pair(reference, bench().record("amplification_c.h5", run));
  REQUIRE(report.amplification);
  CHECK(report.amplification->entered_at == "layer.0.resid2");
  CHECK(report.amplification->growth_at_end > 0.0);
  for (const OpRow& row : report.ops) {
    INFO(row.op << " " << row.gain);
    if (row.kind == "rmsnorm" && row.layer >= 0 && row.gain > 0.0) CHECK(row.gain < 2.0);  // weights play no part
  }
}
