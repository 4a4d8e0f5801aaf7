// SPDX-License-Identifier: Apache-2.0
// The Llama family: counts of published models, what its graph has and lacks beside Qwen3's, and its faults.
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include <plumbline/error.h>
#include <plumbline/model.h>

#include "model/config.h"
#include "model/expected_parameters.h"
#include "support/catch.h"
#include "support/error_text.h"
#include "support/families.h"
#include "support/graph_diff.h"
#include "support/tiny_model.h"

namespace plumbline {
namespace {

constexpr RopeScaling kScaling{8.0, 1.0, 4.0, 512.0};

/// layers, hidden, heads, kv heads, head_dim, intermediate, vocab as in the published config.json.
ModelConfig llama(int64_t layers, int64_t hidden, int64_t heads, int64_t kv_heads, int64_t head_dim,
                  int64_t intermediate, int64_t vocab, bool tied) {
  ModelConfig config;
  config.architecture = "LlamaForCausalLM";
  config.layers = layers;
  config.hidden = hidden;
  config.heads = heads;
  config.kv_heads = kv_heads;
  config.head_dim = head_dim;
  config.intermediate = intermediate;
  config.vocab = vocab;
  config.tied = tied;
  config.rope_theta = 5e5;
  config.rms_eps = 1e-5;
  return config;
}

ModelConfig tinyllama_1_1b() { return llama(22, 2048, 32, 4, 64, 5632, 32000, false); }
ModelConfig llama_3_2_1b() { return llama(16, 2048, 32, 8, 64, 8192, 128256, true); }

int64_t elements(const std::vector<ParameterSpec>& parameters) {
  return std::accumulate(parameters.begin(), parameters.end(), int64_t{0},
                         [](int64_t sum, const ParameterSpec& spec) { return sum + element_count(spec.shape); });
}

Model tiny_llama(test::TinyModelOptions options = {}) {
  options.layers = 4;
  options.llama = true;
  return load_model(test::write_tiny_model(options).path());
}

}  // namespace

TEST_CASE("TinyLlama-1.1B and Llama-3.2-1B have the published numbers of tensors and elements") {
  const std::vector<ParameterSpec> tiny = expected_parameters(tinyllama_1_1b());
  CHECK(tiny.size() == 201);
  CHECK(elements(tiny) == 1'100'048'384);
  CHECK(tiny.back().name == "lm_head.weight");
  const std::vector<ParameterSpec> tied = expected_parameters(llama_3_2_1b());
  CHECK(tied.size() == 146);
  CHECK(elements(tied) == 1'235'814'400);
}

TEST_CASE("The graph of a Llama names every expected parameter and no other, whatever is tied or biased") {
  for (const bool tied : {true, false}) {
    for (const bool bias : {true, false}) {
      ModelConfig config = tinyllama_1_1b();
      config.tied = tied;
      config.attention_bias = config.mlp_bias = bias;
      std::set<std::string> expected, used;
      for (const ParameterSpec& spec : expected_parameters(config)) expected.insert(spec.name);
      for (const Op& op : build_graph(config).ops) used.insert(op.parameters.begin(), op.parameters.end());
      CHECK(used == expected);
      CHECK(used.contains("model.layers.7.mlp.down_proj.bias") == bias);
      CHECK(used.contains("lm_head.weight") != tied);
    }
  }
}

TEST_CASE("A Llama's layer is Qwen3's without the norms of heads: they are split straight from the projections") {
  ModelConfig config = tinyllama_1_1b();
  const OpGraph graph = build_graph(config);
  config.architecture = "Qwen3ForCausalLM";
  std::vector<std::string> of_qwen3, of_llama;
  for (const Op& op : build_graph(config).ops) {
    if (!op.name.ends_with("q_norm") && !op.name.ends_with("k_norm")) of_qwen3.push_back(op.name);
  }
  for (const Op& op : graph.ops) of_llama.push_back(op.name);
  CHECK(of_llama == of_qwen3);
  CHECK(graph.find("layer.3.attn.q_heads")->inputs == std::vector<std::string>{"layer.3.attn.q_proj"});
  CHECK(graph.find("layer.3.attn.k_heads")->inputs == std::vector<std::string>{"layer.3.attn.k_proj"});
  CHECK(integer(*graph.find("layer.3.attn.k_heads"), "heads") == 4);
  CHECK(number(*graph.find("layer.3.attn.scores_scaled"), "factor") == 0.125);  // 64**-0.5
  CHECK(graph.find("logits")->parameters == std::vector<std::string>{"lm_head.weight"});
}

TEST_CASE("Rope scaling stands in the table's attributes, survives JSON, and is absent without scaling") {
  ModelConfig config = llama_3_2_1b();
  CHECK_FALSE(rope_scaling(*build_graph(config).find("rope.table")));
  config.rope_scaling = RopeScaling{32.0, 1.0, 4.0, 8192.0};
  const OpGraph read = op_graph_from_json(to_json(build_graph(config)));
  CHECK(rope_scaling(*read.find("rope.table")) == config.rope_scaling);
}

TEST_CASE("A table whose scaling makes no sense is refused with op and reason") {
  struct Row {
    std::string key;
    Attribute value;
    std::string part;
  };
  ModelConfig config = llama_3_2_1b();
  config.rope_scaling = kScaling;
  const OpGraph sound = build_graph(config);
  const std::vector<Row> rows = {{"scaling", std::string("yarn"), "yarn"},
                                 {"scaling", 1.0, "wrong type"},
                                 {"factor", 0.0, "above 0"},
                                 {"factor", int64_t{8}, "wrong type"},
                                 {"original_positions", -1.0, "above 0"},
                                 {"high_freq_factor", 1.0, "above low_freq_factor"}};
  for (const Row& row : rows) {
    INFO(row.key << ": " << row.part);
    OpGraph spoilt = sound;
    spoilt.ops.at(1).attributes[row.key] = row.value;
    test::require_parts(test::error_text<InputError>([&] { validate(spoilt); }), {"rope.table", row.part});
  }
  OpGraph lacking = sound;
  lacking.ops.at(1).attributes.erase("low_freq_factor");
  test::require_parts(test::error_text<InputError>([&] { validate(lacking); }), {"rope.table", "low_freq_factor"});
}

TEST_CASE("Llama checkpoints load, tied or not, and a head that is missing is not made up") {
  CHECK(tiny_llama({.tied = true}).parameters.size() == 2 + 4 * 9);
  CHECK(tiny_llama({.tied = false}).parameters.contains("lm_head.weight"));
  CHECK(tiny_llama({.attention_bias = true, .mlp_bias = true}).parameters.size() == 2 + 4 * 16);
  // An absent key means untied in this family, so the head must be stored.
  const auto untie = [](nlohmann::json& config) { config.erase("tie_word_embeddings"); };
  test::require_parts(test::error_text<CheckpointError>([&] { tiny_llama({.tied = true, .edit_config = untie}); }),
                      {"the head is missing", "lm_head.weight", "false or absent"});
}

TEST_CASE("Norms of heads in a Llama checkpoint are tensors without a use") {
  const auto add_norm = [](std::vector<test::RawTensor>& tensors) {
    test::RawTensor extra = tensors.at(1);
    extra.name = "model.layers.0.self_attn.k_norm.weight";
    tensors.push_back(std::move(extra));
  };
  test::require_parts(test::error_text<CheckpointError>([&] { tiny_llama({.edit_tensors = add_norm}); }),
                      {"does not use", "self_attn.k_norm.weight", "architectures"});
}

TEST_CASE("Faults of ops that a Llama lacks are refused with that reason, and with a way out") {
  struct Row {
    std::string fault;
    std::vector<std::string> parts;
  };
  const std::vector<Row> rows = {
      {"k_norm.dropped", {"does not apply", "layer.3.attn.k_norm", "LlamaForCausalLM has no such op", "another fault"}},
      {"k_norm.dropped@layer.1", {"does not apply", "layer.1.attn.k_norm", "LlamaForCausalLM"}},
      {"k_norm.dropped@layer.1.attn.k_norm", {"does not apply", "LlamaForCausalLM"}},
      {"norm.weight_missing", {"does not apply", "layer.3.attn.q_norm", "'@layer.0.in_norm'"}},
      {"rope.scaling_ignored", {"change nothing", "no rope scaling"}}};
  Model model = tiny_llama();
  for (const Row& row : rows) {
    INFO(row.fault);
    const std::string message = test::error_text<UsageError>([&] { apply_fault(model, row.fault); });
    for (const std::string& part : row.parts) test::require_parts(message, {part});
  }
  CHECK(model.faults.empty());
}

TEST_CASE("Every other fault of the catalogue can be planted in a Llama") {
  const Model healthy = tiny_llama({.rope_scaling = kScaling, .tied = false, .attention_bias = true});
  for (const FaultInfo& info : fault_catalogue()) {
    if (info.default_site.ends_with("_norm") && info.default_site.find("attn.") != std::string::npos) continue;
    if (info.name.starts_with("mask.window")) continue;            // it has no sliding window
    if (!test::fault_host(info.name, 4).family.empty()) continue;  // of what other families do
    INFO(info.name);
    Model faulty = healthy;
    CHECK_NOTHROW(apply_fault(faulty, info.name));
    CHECK((info.kernel || !test::changed_ops(healthy.graph, faulty.graph).empty() ||
           !test::changed_parameters(healthy, faulty).empty()));
  }
  Model unscaled = healthy;
  apply_fault(unscaled, "rope.scaling_ignored");
  CHECK(test::changed_ops(healthy.graph, unscaled.graph) == std::set<std::string>{"rope.table"});
  CHECK(unscaled.graph.find("rope.table")->attributes.size() == 2);
}

}  // namespace plumbline
