// SPDX-License-Identifier: Apache-2.0
// The stages of a run: sizes by plain arithmetic, and where a run that was broken on purpose breaks.
#include "locate/stages.h"

#include <cmath>

#include <plumbline/error.h>

#include "locate/measured_audit.h"
#include "support/catch.h"
#include "support/error_text.h"
#include "support/tiny_model.h"
#include "unit/locate/traces.h"

namespace plumbline::test {
namespace {

double deviation_of(const TensorView& values) {
  double mean = 0.0, squares = 0.0;
  for (const double value : to_values(values)) mean += value / static_cast<double>(values.count());
  for (const double value : to_values(values)) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.count()));
}

StageTable table_of(const Trace& trace) { return stage_table(trace, bench().model().graph); }

/// Sets every value of a tap.
auto filled(const std::string& path, double value) {
  return [=](TapSpec& spec, Tensor& values) {
    if (spec.path != path) return;
    const std::vector<double> all(static_cast<size_t>(values.count()), value);
    values = Tensor::from_values(values.dtype(), values.shape(), all);
  };
}

}  // namespace

TEST_CASE("stages are the embedding, every layer's last result, the last norm and the logits, in that order") {
  const StageTable table = table_of(healthy());
  std::vector<std::string> taps;
  for (const ModelStage& stage : table.stages) taps.push_back(stage.tap);
  CHECK(taps == std::vector<std::string>{"embed", "layer.0.resid2", "layer.1.resid2", "layer.2.resid2",
                                         "layer.3.resid2", "final_norm.out", "logits"});
  CHECK(table.missing == 0);
  CHECK(!table.breaks);
  double before = 0.0;
  for (const ModelStage& stage : table.stages) {
    const Tensor values = healthy().read(*healthy().find(stage.tap, 0));
    CHECK(stage.deviation == Approx(deviation_of(values.view())).epsilon(1e-12));
    CHECK(stage.count == values.count());
    if (stage.tap.starts_with("layer.")) CHECK(stage.growth == Approx(stage.deviation / before).epsilon(1e-12));
    before = stage.deviation;
  }
  CHECK(std::isnan(table.stages.front().growth));
}

TEST_CASE("a run that explodes breaks behind its layer, and the op that began it is named") {
  const Trace trace = bench().record("bias.h5", {text_tokens(8), 0, {"bias.uninitialised=1e29@layer.1.attn.v_proj"}});
  const StageTable table = table_of(trace);
  REQUIRE(table.breaks);
  CHECK(table.stages[*table.breaks].tap == "layer.1.resid2");
  CHECK(table.stages[*table.breaks].state == StageState::fail);
  REQUIRE(table.begins);
  CHECK(table.begins->op == "layer.1.attn.v_proj");
  CHECK(table.begins->result > 1e28);
}

TEST_CASE("values that are not finite, and values that are all the same, are failures of their stage") {
  const Trace infinite =
      bench().record("inf.h5", {.tokens = text_tokens(4), .edit = filled("layer.2.resid2", INFINITY)});
  const StageTable broken = table_of(infinite);
  REQUIRE(broken.breaks);
  CHECK(broken.stages[*broken.breaks].state == StageState::inf);
  REQUIRE(broken.begins);
  CHECK(broken.begins->op == "layer.2.resid2");
  const Trace same = bench().record("same.h5", {.tokens = text_tokens(4), .edit = filled("layer.0.resid2", 2.0)});
  const ModelStage dead = table_of(same).stages.at(1);
  CHECK(dead.state == StageState::fail);
  CHECK(dead.deviation == 0.0);
}

TEST_CASE("stages that were not recorded are counted") {
  const Trace trace = bench().record("few.h5", {.tokens = text_tokens(4), .taps = {"embed", "logits"}});
  const StageTable table = table_of(trace);
  CHECK(table.stages.size() == 2);
  CHECK(table.missing == 5);
}

TEST_CASE("attention logits stay below the bound of the norm weights, and noise moves them by less than their size") {
  const AuditReport audit = audit_checkpoint(bench().model().directory, 2);
  const MeasuredAudit measured = measure_audit(audit, healthy(), 4, 2);
  REQUIRE(measured.logits.size() == 4);
  for (const LogitRow& row : measured.logits) {
    CHECK(row.seen > 0.0);
    CHECK(row.seen <= row.bound * 1.02);  // bf16 rounds queries, keys and scores
    CHECK(row.noise >= 0.0);              // layer 0 reads exact numbers still
    CHECK(row.noise < row.seen);
  }
  CHECK(measured.logits.back().noise > 0.0);
  REQUIRE(measured.noise);
  CHECK(measured.noise->runs == 4);
  CHECK(!measure_audit(audit, healthy(), 0, 2).noise);
}

TEST_CASE("a trace of another checkpoint, or without any stage, is refused") {
  const TempDirectory other = write_tiny_model({.seed = 77});
  const AuditReport audit = audit_checkpoint(other.path(), 2);
  CHECK(error_text<InputError>([&] { measure_audit(audit, healthy(), 1, 2); }).find("another checkpoint") !=
        std::string::npos);
  const Trace none = bench().record("none.h5", {.tokens = text_tokens(4), .taps = {"rope.cos"}});
  const AuditReport own = audit_checkpoint(bench().model().directory, 2);
  CHECK(error_text<InputError>([&] { measure_audit(own, none, 0, 2); }).find("no stage") != std::string::npos);
}

}  // namespace plumbline::test
