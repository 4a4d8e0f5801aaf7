// SPDX-License-Identifier: Apache-2.0
// The Qwen3 builder against facts about the published model and against the shape of the graph that others rely on.
#include <map>
#include <numeric>
#include <set>

#include <plumbline/error.h>
#include <plumbline/model.h>

#include "model/expected_parameters.h"
#include "support/catch.h"
#include "support/error_text.h"

namespace plumbline {
namespace {

ModelConfig qwen3_0_6b() {
  ModelConfig config;
  config.architecture = "Qwen3ForCausalLM";
  config.hidden = 1024;
  config.layers = 28;
  config.heads = 16;
  config.kv_heads = 8;
  config.head_dim = 128;
  config.intermediate = 3072;
  config.vocab = 151936;
  config.rope_theta = 1e6;
  config.rms_eps = 1e-6;
  config.tied = true;
  return config;
}

int64_t elements(const std::vector<ParameterSpec>& parameters) {
  return std::accumulate(parameters.begin(), parameters.end(), int64_t{0},
                         [](int64_t sum, const ParameterSpec& spec) { return sum + element_count(spec.shape); });
}

std::vector<std::string> paths(const Op& op, bool inner) {
  std::vector<std::string> found;
  for (const TapSpec& tap : op.outputs) {
    if (tap.inner == inner) found.push_back(tap.path);
  }
  return found;
}

}  // namespace

TEST_CASE("Qwen3-0.6B has the published number of tensors and elements") {
  // The published file: 311 tensors, 1,503,264,768 data bytes of bf16, the tied head stored as well.
  std::vector<ParameterSpec> parameters = expected_parameters(qwen3_0_6b());
  CHECK(parameters.size() == 310);
  CHECK(elements(parameters) == 596'049'920);
  parameters.push_back(head_parameter(qwen3_0_6b()));
  CHECK(parameters.size() == 311);
  CHECK(elements(parameters) == 751'632'384);
  CHECK(elements(parameters) * 2 == 1'503'264'768);
}

TEST_CASE("The graph of Qwen3-0.6B names every expected parameter and no other") {
  for (const bool tied : {true, false}) {
    ModelConfig config = qwen3_0_6b();
    config.tied = tied;
    std::set<std::string> expected, used;
    for (const ParameterSpec& spec : expected_parameters(config)) expected.insert(spec.name);
    for (const Op& op : build_graph(config).ops) used.insert(op.parameters.begin(), op.parameters.end());
    CHECK(used == expected);
  }
}

TEST_CASE("Every layer has the same ops in execution order") {
  const std::vector<std::string> layer = {"in_norm",      "attn.q_proj",     "attn.k_proj",        "attn.v_proj",
                                          "attn.q_norm",  "attn.k_norm",     "attn.q_heads",       "attn.k_heads",
                                          "attn.v_heads", "attn.q_rope",     "attn.k_rope",        "attn.k_cache",
                                          "attn.v_cache", "attn.scores_raw", "attn.scores_scaled", "attn.scores_masked",
                                          "attn.softmax", "attn.ctx",        "attn.ctx_merged",    "attn.o_proj",
                                          "resid1",       "post_norm",       "mlp.gate_proj",      "mlp.up_proj",
                                          "mlp.act",      "mlp.mul",         "mlp.down_proj",      "resid2"};
  std::vector<std::string> expected = {"embed", "rope.table"};
  for (int n = 0; n < 28; ++n) {
    for (const std::string& op : layer) expected.push_back("layer." + std::to_string(n) + "." + op);
  }
  expected.insert(expected.end(), {"final_norm", "logits"});
  std::vector<std::string> built;
  for (const Op& op : build_graph(qwen3_0_6b()).ops) built.push_back(op.name);
  CHECK(built == expected);
}

TEST_CASE("A norm keeps its statistics as inner f32 taps, and its output in the model's dtype") {
  const OpGraph graph = build_graph(qwen3_0_6b());
  const Op& norm = *graph.find("layer.3.attn.k_norm");
  CHECK(norm.layer == 3);
  CHECK(norm.contract == "rmsnorm/llama");
  CHECK(integer(norm, "heads") == 8);
  CHECK(number(norm, "eps") == 1e-6);
  CHECK(paths(norm, false) == std::vector<std::string>{"layer.3.attn.k_norm.out"});
  CHECK(paths(norm, true) == std::vector<std::string>{"layer.3.attn.k_norm.x32", "layer.3.attn.k_norm.var",
                                                      "layer.3.attn.k_norm.rstd", "layer.3.attn.k_norm.n32",
                                                      "layer.3.attn.k_norm.n"});
  const std::vector<DType> dtypes = {DType::bf16, DType::f32, DType::f32, DType::f32, DType::f32, DType::bf16};
  for (size_t i = 0; i < dtypes.size(); ++i) CHECK(norm.outputs[i].dtype == dtypes[i]);
  CHECK(norm.outputs[2].axes == std::vector<std::string>{"batch", "token", "head", "stat"});
}

TEST_CASE("The residual stream joins the layers") {
  const OpGraph graph = build_graph(qwen3_0_6b());
  CHECK(graph.find("layer.0.in_norm")->inputs == std::vector<std::string>{"embed"});
  CHECK(graph.find("layer.1.in_norm")->inputs == std::vector<std::string>{"layer.0.resid2"});
  CHECK(graph.find("layer.1.resid1")->inputs == std::vector<std::string>{"layer.0.resid2", "layer.1.attn.o_proj"});
  CHECK(graph.find("final_norm")->inputs == std::vector<std::string>{"layer.27.resid2"});
  CHECK(graph.find("logits")->parameters == std::vector<std::string>{"model.embed_tokens.weight"});
  CHECK(graph.producer("layer.2.attn.probs32")->name == "layer.2.attn.softmax");
  CHECK(graph.producer("layer.28.resid2") == nullptr);
}

TEST_CASE("The attention's constants are exact") {
  const OpGraph graph = build_graph(qwen3_0_6b());
  CHECK(number(*graph.find("layer.0.attn.scores_scaled"), "factor") == 0.08838834764831845);  // 128**-0.5 in Python
  CHECK(integer(*graph.find("layer.0.attn.scores_masked"), "offset") == 0);
  CHECK(text(*graph.find("layer.0.attn.ctx"), "kv_map") == "block");
  CHECK(number(*graph.find("rope.table"), "theta") == 1e6);
}

TEST_CASE("attention_bias gives a bias to each of the four projections of the attention, as in transformers") {
  ModelConfig config = qwen3_0_6b();
  config.attention_bias = true;
  const OpGraph graph = build_graph(config);
  for (const std::string name : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
    CHECK(graph.find("layer.5.attn." + name)->parameters ==
          std::vector<std::string>{"model.layers.5.self_attn." + name + ".weight",
                                   "model.layers.5.self_attn." + name + ".bias"});
  }
  CHECK(graph.find("layer.5.mlp.up_proj")->parameters.size() == 1);
}

TEST_CASE("An architecture without a builder is refused with the known ones") {
  ModelConfig config = qwen3_0_6b();
  config.architecture = "GPT2LMHeadModel";
  test::require_parts(test::error_text<CheckpointError>([&] { build_graph(config); }),
                      {"GPT2LMHeadModel", "Qwen3ForCausalLM"});
}

}  // namespace plumbline
