// SPDX-License-Identifier: Apache-2.0
// The words and globs of --taps.
#include "run/selection.h"

#include "support/catch.h"
#include "support/error_text.h"

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

OpGraph graph() {
  OpGraph graph;
  Op norm, linear;
  norm.outputs = {{"layer.0.in_norm.out", DType::bf16, {}, false}, {"layer.0.in_norm.var", DType::f32, {}, true}};
  linear.outputs = {{"layer.0.attn.q_proj", DType::bf16, {}, false}};
  graph.ops = {norm, linear};
  return graph;
}

TapPaths selected(const std::vector<std::string>& choices) { return selected_taps(choices, graph()); }

}  // namespace

TEST_CASE("the words of --taps are all, outputs, stats and none; globs add to them", "[run]") {
  const TapPaths inputs = {"tokens", "positions"}, outputs = {"layer.0.in_norm.out", "layer.0.attn.q_proj"};
  TapPaths handed_on = inputs, all;
  handed_on.insert(outputs.begin(), outputs.end());
  all = handed_on;
  all.insert("layer.0.in_norm.var");
  CHECK(selected({"all"}) == all);
  CHECK(selected({"*"}) == all);
  CHECK(selected({"outputs"}) == handed_on);
  CHECK(selected({"none"}).empty());
  CHECK(selected({"stats"}) == all);
  CHECK(selected({"stats", "*.q_proj"}) == TapPaths{"layer.0.attn.q_proj"});
  CHECK(selected({"outputs", "stats"}) == handed_on);
  CHECK(asks_for_statistics({"outputs", "stats"}));
  CHECK_FALSE(asks_for_statistics({"*.stats"}));
  CHECK(selected({"*.q_proj"}) == TapPaths{"layer.0.attn.q_proj"});
  CHECK(selected({"outputs", "*.var"}) == all);
  CHECK(selected({"tokens", "*.var"}) == TapPaths{"tokens", "layer.0.in_norm.var"});
}

TEST_CASE("none beside others, and a glob without a tap, are wrong usage", "[run]") {
  CHECK(test::error_text<UsageError>([] { selected({"none", "*"}); }).find("stands alone") != std::string::npos);
  test::require_parts(test::error_text<UsageError>([] { selected({"layer.0.atn.q_proj"}); }),
                      {"'layer.0.atn.q_proj'", "layer.0.attn.q_proj", "outputs"});
}

TEST_CASE("what is not selected does not arrive", "[run]") {
  struct Count final : TapSink {
    bool wants(std::string_view) const override { return true; }
    void begin_step(const Step&) override { ++steps; }
    void record(const TapSpec&, const TensorView&) override { ++taps; }
    int steps = 0, taps = 0;
  } count;
  SelectedTaps some(count, {"a"});
  const Tensor value(DType::f32, {1});
  CHECK(some.wants("a"));
  CHECK_FALSE(some.wants("b"));
  some.begin_step({});
  some.record({"a", DType::f32, {}, false}, value.view());
  some.record({"b", DType::f32, {}, false}, value.view());
  CHECK(count.steps == 1);
  CHECK(count.taps == 1);
}

}  // namespace plumbline::run
