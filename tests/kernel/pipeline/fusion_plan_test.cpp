// SPDX-License-Identifier: Apache-2.0
// The plan covers a graph with the largest patterns that fit, and falls back where a rewrite breaks one.
#include "cuda/pipeline/fusion_plan.h"

#include <algorithm>

#include <plumbline/error.h>
#include <plumbline/model.h>

#include "support/catch.h"
#include "support/error_text.h"
#include "support/tiny_model.h"

namespace plumbline::test {
namespace {

OpGraph tiny_graph(const std::string& architecture = "Qwen3ForCausalLM") {
  ModelConfig config;
  config.architecture = architecture;
  config.hidden = 64;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 32;
  config.intermediate = 96;
  config.vocab = 320;
  config.max_positions = 64;
  config.rope_theta = 1e6;
  config.rms_eps = 1e-6;
  config.tied = true;
  return build_graph(config);
}

std::vector<StepKind> kinds(const std::vector<PlanStep>& plan) {
  std::vector<StepKind> result;
  for (const PlanStep& step : plan) result.push_back(step.kind);
  return result;
}

size_t index_of(const OpGraph& graph, std::string_view name) {
  return static_cast<size_t>(std::ranges::find(graph.ops, name, &Op::name) - graph.ops.begin());
}

const std::vector<StepKind> kLayer = {StepKind::norm_qkv,        StepKind::heads,  StepKind::attention,
                                      StepKind::linear_residual, StepKind::swiglu, StepKind::linear_residual};

std::vector<StepKind> whole(const std::vector<StepKind>& layer0, const std::vector<StepKind>& layer1) {
  std::vector<StepKind> result = {StepKind::embedding, StepKind::rope_table};
  result.insert(result.end(), layer0.begin(), layer0.end());
  result.insert(result.end(), layer1.begin(), layer1.end());
  result.insert(result.end(), {StepKind::rmsnorm, StepKind::linear});
  return result;
}

}  // namespace

TEST_CASE("a healthy layer takes six launches and every op belongs to exactly one step", "[kernel]") {
  const OpGraph graph = tiny_graph();
  const std::vector<PlanStep> plan = make_plan(graph);
  CHECK(kinds(plan) == whole(kLayer, kLayer));
  size_t at = 0;
  for (const PlanStep& step : plan) {
    for (const Op* op : step.window) CHECK(op == &graph.ops[at++]);
  }
  CHECK(at == graph.ops.size());
}

TEST_CASE("a Llama's layer takes the same six launches, its heads without norms", "[kernel]") {
  const OpGraph graph = tiny_graph("LlamaForCausalLM");
  const std::vector<PlanStep> plan = make_plan(graph);
  CHECK(kinds(plan) == whole(kLayer, kLayer));
  const PlanStep& heads = plan[9];
  REQUIRE(heads.kind == StepKind::heads);
  CHECK(heads.window.size() == 7);
  CHECK(heads.find("q_norm") == nullptr);
  CHECK(heads.find("k_norm") == nullptr);
  CHECK(heads.input("q") == "layer.1.attn.q_proj");
  CHECK(heads.input("k") == "layer.1.attn.k_proj");
}

TEST_CASE("a refused pattern falls back to its ops, one by one", "[kernel]") {
  const OpGraph graph = tiny_graph();
  const auto plan = make_plan(
      graph, [](const PlanStep& step) { return step.kind != StepKind::norm_qkv || step.op("norm").layer != 1; });
  std::vector<StepKind> unfused = {StepKind::rmsnorm, StepKind::linear, StepKind::linear, StepKind::linear};
  unfused.insert(unfused.end(), kLayer.begin() + 1, kLayer.end());
  CHECK(kinds(plan) == whole(kLayer, unfused));
}

TEST_CASE("a missing key norm leaves its role empty and the query's norm where it was", "[kernel]") {
  OpGraph graph = tiny_graph();
  graph.ops[index_of(graph, "layer.1.attn.k_heads")].inputs = {"layer.1.attn.k_proj"};
  graph.ops.erase(graph.ops.begin() + static_cast<std::ptrdiff_t>(index_of(graph, "layer.1.attn.k_norm")));
  const auto plan = make_plan(graph);
  CHECK(kinds(plan) == whole(kLayer, kLayer));
  const PlanStep& heads = plan[9];
  REQUIRE(heads.kind == StepKind::heads);
  CHECK(heads.find("k_norm") == nullptr);
  CHECK(heads.op("q_norm").name == "layer.1.attn.q_norm");
  CHECK(heads.input("k") == "layer.1.attn.k_proj");
}

TEST_CASE("ops of one pattern may come in another order", "[kernel]") {
  OpGraph graph = tiny_graph();
  std::swap(graph.ops[index_of(graph, "layer.0.attn.q_proj")], graph.ops[index_of(graph, "layer.0.attn.v_proj")]);
  std::swap(graph.ops[index_of(graph, "layer.0.mlp.gate_proj")], graph.ops[index_of(graph, "layer.0.mlp.up_proj")]);
  std::ranges::swap(graph.ops[index_of(graph, "layer.0.resid1")].inputs[0],
                    graph.ops[index_of(graph, "layer.0.resid1")].inputs[1]);
  const auto plan = make_plan(graph);
  CHECK(kinds(plan) == whole(kLayer, kLayer));
  CHECK(plan[6].op("gate").name == "layer.0.mlp.gate_proj");
}

TEST_CASE("a value that another op reads too is not hidden inside a fused kernel", "[kernel]") {
  OpGraph graph = tiny_graph();
  graph.ops[index_of(graph, "layer.0.resid2")].inputs[0] = "layer.0.post_norm.out";
  std::vector<StepKind> layer(kLayer.begin(), kLayer.begin() + 4);
  layer.insert(layer.end(), {StepKind::rmsnorm, StepKind::linear, StepKind::linear, StepKind::silu, StepKind::multiply,
                             StepKind::linear_residual});
  CHECK(kinds(make_plan(graph)) == whole(layer, kLayer));
}

TEST_CASE("a residual that was dropped leaves a plain projection", "[kernel]") {
  OpGraph graph = tiny_graph();
  for (Op& op : graph.ops) {
    for (std::string& input : op.inputs) {
      if (input == "layer.0.resid1") input = "layer.0.attn.o_proj";
    }
  }
  graph.ops.erase(graph.ops.begin() + static_cast<std::ptrdiff_t>(index_of(graph, "layer.0.resid1")));
  std::vector<StepKind> layer = kLayer;
  layer[3] = StepKind::linear;
  CHECK(kinds(make_plan(graph)) == whole(layer, kLayer));
}

TEST_CASE("an op that no kernel takes is named with its kind, contract and the way out", "[kernel]") {
  OpGraph graph = tiny_graph();
  graph.ops.erase(graph.ops.begin() + static_cast<std::ptrdiff_t>(index_of(graph, "layer.1.attn.scores_scaled")));
  graph.ops[index_of(graph, "layer.1.attn.scores_masked")].inputs = {"layer.1.attn.scores_raw"};
  const std::string message = error_text<BackendError>([&] { make_plan(graph); });
  require_parts(message, {"layer.1.attn.scores_raw", "attn_scores", "attention/eager", "--backend oracle"});
}

}  // namespace plumbline::test
