// SPDX-License-Identifier: Apache-2.0
// The variants of the fused norm and projections, and every fault of the catalogue, run as the graph says.
#include <plumbline/error.h>

#include "kernel/pipeline/tiny_runs.h"
#include "support/error_text.h"

namespace plumbline::test {
namespace {

const Op& norm_of(const Backend& backend, int layer) {
  return *backend.graph().find("layer." + std::to_string(layer) + ".in_norm");
}

}  // namespace

TEST_CASE("the unfused path has the bits of the fused one on every tap", "[kernel]") {
  for (const bool llama : {false, true}) {
    const Model model = tiny({.llama = llama, .attention_bias = true, .mlp_bias = llama});
    const Run fused = run_once(model, {}, 17);
    require_same_taps(fused.taps, run_once(model, {.qkv = "unfused"}, 17).taps);
    require_same_taps(fused.taps, run_once(model, {.qkv = "unfused", .qkv_layer = 1}, 17).taps);
  }
}

TEST_CASE("variants show in the graph and change nothing before their layer", "[kernel]") {
  const Model model = tiny();
  const Run hf = run_once(model);
  struct Case {
    const char *variant, *contract;
    DType dtype;
  };
  for (const Case& c : {Case{"single", "rmsnorm/olmo", DType::bf16}, Case{"f32", "rmsnorm/f32", DType::f32}}) {
    INFO("variant " << c.variant);
    const KernelOptions options{.qkv = c.variant, .qkv_layer = 1};
    const auto backend = make_twin_backend(model, options);
    CHECK(norm_of(*backend, 0).contract == "rmsnorm/llama");
    CHECK(norm_of(*backend, 1).contract == c.contract);
    CHECK(norm_of(*backend, 1).outputs.front().dtype == c.dtype);
    TapRecord taps;
    backend->forward(prefill(9), taps);
    CHECK(taps.at("layer.1.in_norm.out").dtype() == c.dtype);
    CHECK_FALSE(taps.taps().contains("layer.1.in_norm.n"));
    CHECK(same_tensor(hf.taps.at("layer.0.resid2"), taps.at("layer.0.resid2")));
    CHECK(same_tensor(hf.taps.at("layer.1.in_norm.n32"), taps.at("layer.1.in_norm.n32")));
    CHECK_FALSE(same_tensor(hf.taps.at("layer.1.attn.q_proj"), taps.at("layer.1.attn.q_proj")));
    const auto everywhere = make_twin_backend(model, {.qkv = c.variant});
    CHECK(norm_of(*everywhere, 0).contract == c.contract);
  }
}

TEST_CASE("norms of either contract run wherever the graph has them", "[kernel]") {
  const Run hf = run_once(tiny());
  for (const char* name : {"layer.1.in_norm", "layer.1.post_norm", "final_norm"}) {
    for (const char* contract : {"rmsnorm/olmo", "rmsnorm/f32"}) {
      INFO(name << " " << contract);
      Model model = tiny();
      for (Op& op : model.graph.ops) {
        if (op.name == name) op.contract = contract;
      }
      const Run run = run_once(model);
      CHECK(same_tensor(hf.taps.at("layer.0.resid2"), run.taps.at("layer.0.resid2")));
      CHECK_FALSE(same_tensor(hf.logits, run.logits));
    }
  }
}

TEST_CASE("every fault of the catalogue runs, reaches the logits and leaves earlier layers alone", "[kernel]") {
  const TinyModelOptions options{.layers = 5, .rope_scaling = RopeScaling{8.0, 1.0, 4.0, 512.0}};
  const Run healthy = run_once(tiny(options), {}, 13);
  for (const FaultInfo& fault : fault_catalogue()) {
    INFO("fault " << fault.name << " at " << fault.default_site);
    Model model = tiny(options);
    apply_fault(model, fault.name);
    const Run run = run_once(model, {}, 13);
    CHECK_FALSE(same_tensor(healthy.logits, run.logits));
    const bool in_layer_3 = fault.default_site.starts_with("layer.3");
    CHECK(same_tensor(healthy.taps.at("layer.2.resid2"), run.taps.at("layer.2.resid2")) ==
          (in_layer_3 || fault.default_site == "logits"));
  }
}

TEST_CASE("a fault of a norm that the family lacks is refused, and others run in a Llama", "[kernel]") {
  const TinyModelOptions options{.layers = 5, .llama = true, .rope_scaling = RopeScaling{8.0, 1.0, 4.0, 512.0}};
  const Run healthy = run_once(tiny(options), {}, 13);
  for (const std::string fault : {"rope.scaling_ignored", "rope.interleaved", "gqa.map", "mlp.gate_up_swapped"}) {
    INFO("fault " << fault);
    Model model = tiny(options);
    apply_fault(model, fault);
    CHECK_FALSE(same_tensor(healthy.logits, run_once(model, {}, 13).logits));
  }
  Model model = tiny(options);
  require_parts(error_text<UsageError>([&] { apply_fault(model, "k_norm.dropped"); }),
                {"LlamaForCausalLM has no such op"});
}

TEST_CASE("a rope table of one layer's own is recorded beside the shared one", "[kernel]") {
  Model model = tiny();
  apply_fault(model, "rope.theta=1e4@layer.1");
  const Run run = run_once(model);
  CHECK_FALSE(same_tensor(run.taps.at("rope.cos"), run.taps.at("layer.1.rope.cos")));
  CHECK(run.taps.at("layer.1.rope.inv_freq").shape() == Shape{16});
}

}  // namespace plumbline::test
