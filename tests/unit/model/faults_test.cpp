// SPDX-License-Identifier: Apache-2.0
// The catalogue, the spelling of faults and their sites; and for every fault, that it changes what it says and no more.
#include <map>
#include <set>

#include <plumbline/error.h>
#include <plumbline/model.h>

#include "support/catch.h"
#include "support/error_text.h"
#include "support/families.h"
#include "support/graph_diff.h"
#include "support/tiny_model.h"

namespace plumbline {
namespace {

using Names = std::set<std::string>;

Model model_of(const test::TinyModelOptions& options = test::fault_host("", 4)) {
  const test::TempDirectory directory = test::write_tiny_model(options);
  return load_model(directory.path());
}

/// A model that the fault applies to.
const Model& host_of(const std::string& fault) {
  static std::map<std::string, Model> hosts;
  const test::TinyModelOptions options = test::fault_host(fault, 4);
  const auto [host, is_new] = hosts.try_emplace(options.family);
  if (is_new) host->second = model_of(options);
  return host->second;
}

std::string refusal(const std::string& fault, const Model& model) {
  Model changed = model;
  const std::string message = test::error_text<UsageError>([&] { apply_fault(changed, fault); });
  CHECK(to_json(changed.graph) == to_json(model.graph));  // a refused fault leaves the model alone
  CHECK(changed.faults.empty());
  return message;
}

Names norms_before_products(int layers) {
  Names names = {"final_norm"};
  for (int layer = 0; layer < layers; ++layer) {
    for (const char* norm : {".in_norm", ".post_norm"}) names.insert("layer." + std::to_string(layer) + norm);
  }
  return names;
}

struct Expected {
  std::string fault;
  Names ops, parameters;
};

const std::string kLayer3 = "model.layers.3.";

}  // namespace

TEST_CASE("Every fault changes exactly the ops and parameters that it says") {
  const std::vector<Expected> rows = {
      {"norm.single_rounding", {"layer.3.in_norm"}, {}},
      {"norm.single_rounding@layer.1", {"layer.1.in_norm"}, {}},
      {"norm.single_rounding@final_norm", {"final_norm"}, {}},
      {"norm.single_rounding@layer.2.attn.k_norm", {"layer.2.attn.k_norm"}, {}},
      {"norm.f32", {"layer.3.in_norm"}, {}},
      {"norm.f32@layer.1.post_norm", {"layer.1.post_norm"}, {}},
      {"norm.f32_everywhere", norms_before_products(4), {}},
      {"k_norm.dropped", {"layer.3.attn.k_norm", "layer.3.attn.k_heads"}, {kLayer3 + "self_attn.k_norm.weight"}},
      {"norm.eps", {"layer.0.in_norm"}, {}},
      {"norm.eps=0.001@layer.2.post_norm", {"layer.2.post_norm"}, {}},
      {"norm.weight_missing", {}, {kLayer3 + "self_attn.q_norm.weight"}},
      {"norm.weight_missing@final_norm", {}, {"model.norm.weight"}},
      {"norm.weight_offset", {}, {kLayer3 + "input_layernorm.weight"}},
      {"rope.theta=1e4", {"rope.table"}, {}},
      {"rope.theta=1e4@layer.3", {"layer.3.rope.table", "layer.3.attn.q_rope", "layer.3.attn.k_rope"}, {}},
      {"rope.scaling_ignored", {"rope.table"}, {}},
      {"rope.interleaved", {"layer.3.attn.q_rope", "layer.3.attn.k_rope"}, {}},
      {"rope.interleaved@layer.0.attn.k_rope", {"layer.0.attn.k_rope"}, {}},
      {"rope.halves", {"layer.3.attn.q_rope", "layer.3.attn.k_rope"}, {}},
      {"rope.halves@layer.2.attn.k_rope", {"layer.2.attn.k_rope"}, {}},
      {"rope.narrow@layer.1", {"layer.1.rope.table", "layer.1.attn.q_rope", "layer.1.attn.k_rope"}, {}},
      {"gqa.map=modulo", {"layer.3.attn.scores_raw", "layer.3.attn.ctx"}, {}},
      {"gqa.map@layer.1.attn.ctx", {"layer.1.attn.ctx"}, {}},
      {"mask.off_by_one", {"layer.3.attn.scores_masked"}, {}},
      {"softmax.scale_missing@layer.2", {"layer.2.attn.scores_scaled"}, {}},
      {"attn.k_v_swapped", {}, {kLayer3 + "self_attn.k_proj.weight", kLayer3 + "self_attn.v_proj.weight"}},
      {"bias.uninitialised=1e29", {}, {"model.layers.1.self_attn.v_proj.bias"}},
      {"bias.uninitialised@layer.1.mlp.up_proj", {"layer.1.mlp.up_proj"}, {"model.layers.1.mlp.up_proj.bias"}},
      {"bias.lost", {"layer.3.attn.q_proj"}, {kLayer3 + "self_attn.q_proj.bias"}},
      {"bias.uninitialised=1@logits", {"logits"}, {"lm_head.bias"}},
      {"weight.transposed", {}, {kLayer3 + "self_attn.o_proj.weight"}},
      {"weight.transposed@logits", {"logits"}, {"lm_head.weight"}},
      {"mlp.gate_up_swapped", {}, {kLayer3 + "mlp.gate_proj.weight", kLayer3 + "mlp.up_proj.weight"}},
      {"weight.wrong_layer", {}, {kLayer3 + "self_attn.o_proj.weight"}},
      {"weight.wrong_layer@layer.0.mlp.up_proj", {}, {"model.layers.0.mlp.up_proj.weight"}},
      {"embed.scale", {"embed"}, {}},
      {"embed.scale=8", {"embed"}, {}},
      {"residual.dropped", {"layer.3.resid1", "layer.3.post_norm", "layer.3.resid2"}, {}},
      {"residual.dropped@layer.3.resid2", {"layer.3.resid2", "final_norm"}, {}},
      {"head.untied", {"logits"}, {"lm_head.weight"}},
      {"weight.clamped", {}, {kLayer3 + "mlp.down_proj.weight"}},
      {"weight.clamped=1@final_norm", {}, {"model.norm.weight"}},
      {"kernel.k_tail_lost", {}, {}},
      {"kernel.bf16_accumulator", {}, {}},
      {"kernel.truncating_cast@logits", {}, {}},
      {"kernel.stale_tile", {}, {}},
      {"kernel.missing_barrier", {}, {}},
      {"kernel.lane_lost@final_norm", {}, {}},
      {"kernel.wrong_activation@layer.0", {}, {}},
      {"kernel.position_off_by_one@layer.1.attn.q_rope", {}, {}},
      {"kernel.softmax_not_rescaled", {}, {}},
      {"kernel.cache_stale", {}, {}},
      {"norm.dropped",
       {"layer.3.post_norm", "layer.3.mlp.gate_proj", "layer.3.mlp.up_proj"},
       {kLayer3 + "post_attention_layernorm.weight"}},
      {"norm.weight_reduced", {}, {kLayer3 + "input_layernorm.weight"}},
      {"norm.weight_squared", {}, {kLayer3 + "post_attention_layernorm.weight"}},
      {"norm.weight_shifted=5", {}, {kLayer3 + "input_layernorm.weight"}},
      {"norm.weights_swapped", {}, {kLayer3 + "input_layernorm.weight", kLayer3 + "post_attention_layernorm.weight"}},
      {"weight.rows_swapped", {}, {kLayer3 + "self_attn.k_proj.weight"}},
      {"weight.rows_shifted", {}, {kLayer3 + "self_attn.v_proj.weight"}},
      {"weight.rows_repeated", {}, {kLayer3 + "mlp.gate_proj.weight"}},
      {"weight.columns_swapped", {}, {kLayer3 + "mlp.down_proj.weight"}},
      {"weight.columns_shifted", {}, {kLayer3 + "self_attn.o_proj.weight"}},
      {"weight.blocks_transposed", {}, {kLayer3 + "mlp.up_proj.weight"}},
      {"weight.pairs_interleaved", {}, {kLayer3 + "self_attn.q_proj.weight"}},
      {"weight.scaled", {}, {kLayer3 + "self_attn.o_proj.weight"}},
      {"weight.rows_scaled", {}, {kLayer3 + "self_attn.q_proj.weight"}},
      {"weight.columns_scaled", {}, {kLayer3 + "mlp.down_proj.weight"}},
      {"weight.rows_negated", {}, {kLayer3 + "self_attn.k_proj.weight"}},
      {"weight.rows_zeroed", {}, {kLayer3 + "self_attn.v_proj.weight"}},
      {"weight.columns_zeroed", {}, {kLayer3 + "self_attn.o_proj.weight"}},
      {"weight.element_wrong", {}, {kLayer3 + "mlp.up_proj.weight"}},
      {"weight.int8_rows", {}, {kLayer3 + "mlp.gate_proj.weight"}},
      {"weight.int4_groups", {}, {kLayer3 + "mlp.down_proj.weight"}},
      {"weight.int_tensor", {}, {kLayer3 + "self_attn.o_proj.weight"}},
      {"weight.f8_e4m3", {}, {kLayer3 + "mlp.up_proj.weight"}},
      {"weight.f8_e5m2", {}, {kLayer3 + "mlp.up_proj.weight"}},
      {"weight.mantissa_cut", {}, {kLayer3 + "self_attn.q_proj.weight"}},
      {"linear.unnormed_input", {"layer.3.attn.v_proj"}, {}},
      {"residual.branch_lost", {"layer.3.resid1", "layer.3.post_norm", "layer.3.resid2"}, {}},
      {"residual.branch_doubled", {"layer.3.resid1", "layer.3.resid1_twice"}, {}},
      {"residual.stream_doubled@layer.2.resid2", {"layer.2.resid2", "layer.2.resid2_twice"}, {}},
      {"residual.after_norm", {"layer.3.resid1"}, {}},
      {"residual.stale", {"layer.3.resid2"}, {}},
      {"mlp.parallel", {"layer.3.post_norm"}, {}},
      {"mlp.act_on_up", {"layer.3.mlp.act", "layer.3.mlp.mul"}, {}},
      {"mlp.act_dropped", {"layer.3.mlp.act", "layer.3.mlp.mul"}, {}},
      {"mlp.gate_lost", {"layer.3.mlp.mul", "layer.3.mlp.down_proj"}, {}},
      {"attn.values_from_keys", {"layer.3.attn.ctx"}, {}},
      {"attn.other_cache", {"layer.3.attn.scores_raw"}, {}},
      {"rope.cos_sin_swapped", {"layer.3.attn.q_rope"}, {}},
      {"rope.scaling_factor", {"rope.table"}, {}},
      {"rope.factors_exchanged", {"rope.table"}, {}},
      {"rope.attention_factor_lost", {"rope.table"}, {}},
      {"rope.partial_ignored@layer.1", {"layer.1.rope.table", "layer.1.attn.q_rope", "layer.1.attn.k_rope"}, {}},
      {"mask.missing", {"layer.3.attn.scores_masked"}, {}},
      {"mask.latest_lost=2", {"layer.3.attn.scores_masked"}, {}},
      {"mask.window_off_by_one", {"layer.3.attn.scores_masked"}, {}},
      {"mask.window_ignored", {"layer.3.attn.scores_masked"}, {}},
      {"norm.two_roundings", {"layer.3.attn.post_norm"}, {}},
      {"norm.two_roundings@layer.1.attn.q_norm", {"layer.1.attn.q_norm"}, {}},
      {"norm.offset_lost", {"layer.3.in_norm"}, {}},
      {"norm.before",
       {"layer.3.attn.q_proj", "layer.3.attn.k_proj", "layer.3.attn.v_proj", "layer.3.attn.post_norm",
        "layer.3.resid1"},
       {}},
      {"softcap.dropped", {"layer.3.attn.scores_capped", "layer.3.attn.scores_masked"}, {}},
      {"softcap.dropped@logits", {"logits", "logits_raw"}, {}},
      {"softcap.cap=3@layer.1", {"layer.1.attn.scores_capped"}, {}},
      {"mlp.act_exchanged", {"layer.3.mlp.act"}, {}},
      {"softmax.head_dim_derived", {"layer.3.attn.scores_scaled"}, {}},
      {"softmax.temperature", {"layer.3.attn.scores_scaled"}, {}},
      {"softmax.scale_doubled", {"layer.3.attn.scores_scaled"}, {}},
      {"embed.rows_shifted", {"embed"}, {"model.embed_tokens.weight@embed"}},
      {"kernel.split_k_bf16", {}, {}},
      {"kernel.norm_sum", {}, {}},
      {"kernel.norm_one_less", {}, {}},
      {"kernel.norm_no_root", {}, {}},
      {"kernel.norm_eps_outside", {}, {}},
      {"kernel.norm_magnitudes", {}, {}},
      {"kernel.norm_variance", {}, {}},
      {"kernel.gelu_erf", {}, {}},
      {"kernel.gelu_tanh", {}, {}},
      {"kernel.relu", {}, {}},
      {"kernel.swish", {}, {}},
      {"kernel.act_clamped", {}, {}},
      {"kernel.sigmoid_only", {}, {}},
      {"kernel.rope_backwards", {}, {}},
      {"kernel.rope_half", {}, {}},
      {"kernel.not_rotated", {}, {}},
      {"kernel.cache_before_rope", {}, {}},
      {"kernel.cache_pairs", {}, {}},
      {"kernel.window", {}, {}},
      {"kernel.next_kv_head", {}, {}},
      {"kernel.last_key_lost", {}, {}},
      {"kernel.softmax_base_two", {}, {}},
      {"kernel.softmax_not_normalised", {}, {}},
      {"kernel.softmax_no_maximum", {}, {}},
      {"kernel.scores_capped", {}, {}},
      {"kernel.through_f8", {}, {}},
      {"kernel.saturated", {}, {}},
      {"kernel.flushed", {}, {}},
      {"kernel.overflow", {}, {}},
      {"kernel.scaled", {}, {}},
      {"kernel.rows_unwritten", {}, {}},
      {"kernel.columns_unwritten", {}, {}},
      {"kernel.last_row_repeated", {}, {}},
      {"kernel.columns_stale", {}, {}},
      {"kernel.neighbours_swapped", {}, {}},
      {"kernel.position_offset", {}, {}}};
  Names planted;
  for (const Expected& row : rows) {
    INFO(row.fault);
    const Model& healthy = host_of(row.fault);
    Model faulty = healthy;
    apply_fault(faulty, row.fault);
    CHECK(test::changed_ops(healthy.graph, faulty.graph) == row.ops);
    CHECK(test::changed_parameters(healthy, faulty) == row.parameters);
    CHECK(faulty.faults == std::vector<std::string>{row.fault});
    CHECK_NOTHROW(validate(faulty.graph));
    CHECK_NOTHROW(op_graph_from_json(to_json(faulty.graph)));
    Names used, held;
    for (const Op& op : faulty.graph.ops) used.insert(op.parameters.begin(), op.parameters.end());
    for (const auto& [name, tensor] : faulty.parameters) held.insert(name);
    CHECK(used == held);
    planted.insert(row.fault.substr(0, row.fault.find_first_of("=@")));
  }
  Names catalogue;
  for (const FaultInfo& info : fault_catalogue()) catalogue.insert(info.name);
  CHECK(planted == catalogue);
}

TEST_CASE("A kernel fault is noted with the op that has it, and other faults note none") {
  const Model healthy = model_of();
  for (const FaultInfo& info : fault_catalogue()) {
    INFO(info.name);
    CHECK(info.kernel == info.name.starts_with("kernel."));
    Model faulty = host_of(info.name);
    apply_fault(faulty, info.name);
    REQUIRE(faulty.kernel_faults.size() == (info.kernel ? 1u : 0u));
    if (!info.kernel) continue;
    CHECK(faulty.kernel_faults[0].name.substr(0, faulty.kernel_faults[0].name.find('=')) == info.name);
    CHECK(faulty.kernel_faults[0].op == info.default_site);
  }
  Model layer = healthy;
  apply_fault(layer, "kernel.k_tail_lost@layer.2");
  CHECK(layer.kernel_faults.at(0).op == "layer.2.attn.q_proj");
  test::require_parts(refusal("kernel.lane_lost@logits", healthy), {"cannot go there", "logits"});
  test::require_parts(refusal("kernel.k_tail_lst", healthy), {"did you mean 'kernel.k_tail_lost'?"});
  test::require_parts(refusal("kernel.k_tail_lost=2", healthy), {"it takes no value"});
}

TEST_CASE("A plan names the ops that a fault makes wrong, in execution order, and leaves the model alone") {
  struct Row {
    std::string fault;
    std::vector<std::string> ops;
    bool parameters;
  };
  const Row rows[] = {
      {"attn.k_v_swapped", {"layer.3.attn.k_proj", "layer.3.attn.v_proj"}, true},
      {"rope.theta=1e4@layer.3", {"layer.3.attn.q_rope", "layer.3.attn.k_rope"}, false},
      {"rope.theta", {"rope.table"}, false},
      {"k_norm.dropped", {"layer.3.attn.k_norm"}, true},
      {"head.untied", {"logits"}, true},
      {"kernel.stale_tile@layer.1.attn.o_proj", {"layer.1.attn.o_proj"}, false},
  };
  const Model healthy = model_of();
  for (const Row& row : rows) {
    INFO(row.fault);
    const FaultPlan plan = plan_fault(healthy, row.fault);
    CHECK(plan.ops == row.ops);
    CHECK(plan.changes_parameters == row.parameters);
  }
  CHECK(healthy.faults.empty());
  CHECK_THROWS_AS(plan_fault(healthy, "norm.eps@logits"), UsageError);
}

TEST_CASE("Every fault of the catalogue can be planted as it stands, and says what it does") {
  CHECK(fault_catalogue().size() >= 90);
  for (const FaultInfo& info : fault_catalogue()) {
    INFO(info.name);
    CHECK(info.effect.size() > 20);
    const Model& healthy = host_of(info.name);
    Model faulty = healthy;
    CHECK_NOTHROW(apply_fault(faulty, info.name));
    Model spelt = healthy;
    CHECK_NOTHROW(apply_fault(spelt, info.name + "@" + info.default_site));
    CHECK(to_json(faulty.graph) == to_json(spelt.graph));
    CHECK(test::changed_parameters(faulty, spelt).empty());
  }
}

TEST_CASE("A fault never touches the model it was copied from") {
  const Model healthy = model_of();
  std::map<std::string, std::string> before;
  for (const auto& [name, tensor] : healthy.parameters) before[name] = digest(tensor.view());
  for (const FaultInfo& info : fault_catalogue()) {
    if (&host_of(info.name) != &host_of("embed.scale")) continue;  // of another family
    Model faulty = healthy;
    apply_fault(faulty, info.name);
  }
  for (const auto& [name, tensor] : healthy.parameters) CHECK(digest(tensor.view()) == before.at(name));
}

TEST_CASE("A site that the model lacks, or that the fault cannot go to, is refused with the nearest one") {
  struct Row {
    std::string fault;
    std::vector<std::string> parts;
  };
  const Model model = model_of();
  const std::vector<Row> rows = {
      {"weight.transposed@layer.3.attn.o_prj", {"layer.3.attn.o_prj", "did you mean '@layer.3.attn.o_proj'"}},
      {"weight.transposed@layer.4", {"layer.4", "layer.0 to layer.3"}},
      {"weight.transposed@layer.28.attn.o_proj", {"layer.28.attn.o_proj"}},
      {"weight.transposed@layer.3.in_norm", {"cannot go there"}},
      {"weight.transposed@layer.03", {"layer.03"}},
      {"weight.transposed@layer.-1", {"layer.-1"}},
      {"weight.transposed@layer.99999999999999999999", {"cannot go there"}},
      {"weight.transposed@", {"site    ''"}},
      {"weight.transposed@" + std::string(100'000, 'x'), {"xxx..."}},
      {"mlp.gate_up_swapped@layer.3.mlp.up_proj", {"cannot go there", "layer.0 to layer.3"}},
      {"k_norm.dropped@layer.3.attn.q_norm", {"did you mean '@layer.3.attn.k_norm'"}},
      {"embed.scale@layer.3", {"cannot go there"}},
      {"head.untied@layer.3.attn.q_proj", {"cannot go there"}},
      {"rope.theta@layer.3.rope.table", {"cannot go there"}}};
  for (const Row& row : rows) {
    INFO(row.fault.substr(0, 60));
    const std::string message = refusal(row.fault, model);
    for (const std::string& part : row.parts) test::require_parts(message, {part});
    CHECK(message.size() < 1000);
  }
}

TEST_CASE("An unknown fault is refused with the nearest name") {
  const Model model = model_of();
  test::require_parts(refusal("rope.thetta=1e4", model),
                      {"rope.thetta", "did you mean 'rope.theta'", "plumbline faults"});
  test::require_parts(refusal("", model), {"unknown fault", "plumbline faults"});
  test::require_parts(refusal("@layer.3", model), {"unknown fault"});
  CHECK(refusal(std::string(100'000, 'x'), model).size() < 1000);
}

TEST_CASE("A value that cannot be used is refused") {
  const Model model = model_of();
  for (const std::string fault : {"rope.theta=",
                                  "rope.theta=fast",
                                  "rope.theta=1e4x",
                                  "rope.theta=-1",
                                  "rope.theta=0",
                                  "rope.theta=inf",
                                  "rope.theta=nan",
                                  "rope.theta=1e999",
                                  "norm.eps=0",
                                  "embed.scale=-2",
                                  "bias.uninitialised=1e35",
                                  "bias.uninitialised=1e-60",
                                  "gqa.map=random",
                                  "k_norm.dropped=1",
                                  "mask.off_by_one=",
                                  "head.untied=2",
                                  "weight.rows_shifted=1.5",
                                  "weight.rows_swapped=0",
                                  "weight.int4_groups=1e9",
                                  "weight.int_tensor=1",
                                  "weight.blocks_transposed=1",
                                  "kernel.window=0.5",
                                  "kernel.saturated=-1",
                                  "kernel.scaled=inf"}) {
    INFO(fault);
    test::require_parts(refusal(fault, model), {fault});
  }
}

TEST_CASE("A fault that would change nothing in this model is refused with the reason") {
  struct Row {
    std::string fault;
    test::TinyModelOptions options;
    std::string part;
  };
  test::TinyModelOptions one_kv, every_kv, f32, two_channels, ones;
  one_kv.kv_heads = 1;
  every_kv.kv_heads = 4;
  f32.dtype = "float32";
  two_channels.head_dim = 2;
  ones.edit_tensors = [](auto& tensors) {  // 0x3F80 is 1.0 in bf16
    for (test::RawTensor& tensor : tensors) {
      if (!tensor.name.ends_with("3.self_attn.q_norm.weight")) continue;
      for (size_t i = 0; i < tensor.bytes.size(); ++i) tensor.bytes[i] = i % 2 == 0 ? '\x80' : '\x3F';
    }
  };
  const std::vector<Row> rows = {{"gqa.map=modulo", one_kv, "one key-value head"},
                                 {"gqa.map=modulo", every_kv, "its own key-value head"},
                                 {"norm.single_rounding", f32, "f32"},
                                 {"norm.f32_everywhere", f32, "f32"},
                                 {"norm.f32@layer.1.attn.k_norm", {}, "rotation in bf16"},
                                 {"rope.interleaved", two_channels, "two channels"},
                                 {"rope.theta=1000000", {}, "theta already"},
                                 {"rope.theta=1e6@layer.3", {}, "theta already"},
                                 {"norm.eps=1e-6", {}, "epsilon already"},
                                 {"embed.scale=1", {}, "scale already"},
                                 {"weight.wrong_layer@logits", {}, "no layer"},
                                 {"norm.weight_missing", ones, "the same with and without"}};
  for (Row row : rows) {
    INFO(row.fault);
    row.options.layers = 4;
    test::require_parts(refusal(row.fault, model_of(row.options)), {row.fault, "change nothing", row.part});
  }
}

TEST_CASE("Faults add up, and the second of a kind is refused where the first left nothing to change") {
  Model model = model_of();
  apply_fault(model, "rope.theta=1e4@layer.3");
  apply_fault(model, "rope.theta=2e4@layer.3");  // the layer's own table again
  apply_fault(model, "k_norm.dropped");
  apply_fault(model, "bias.uninitialised");
  CHECK(number(*model.graph.find("layer.3.rope.table"), "theta") == 2e4);
  CHECK(number(*model.graph.find("rope.table"), "theta") == 1e6);
  CHECK(model.faults.size() == 4);
  CHECK_THROWS_AS(apply_fault(model, "k_norm.dropped"), UsageError);
  CHECK_THROWS_AS(apply_fault(model, "rope.theta=2e4@layer.3"), UsageError);
  CHECK(model.faults.size() == 4);
}

}  // namespace plumbline
