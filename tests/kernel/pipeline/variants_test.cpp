// SPDX-License-Identifier: Apache-2.0
// The variants of the fused norm and projections, and every fault of the catalogue, run as the graph says.
#include <map>

#include <plumbline/error.h>

#include "kernel/pipeline/tiny_runs.h"
#include "support/error_text.h"
#include "support/families.h"

namespace plumbline::test {
namespace {

const Op& norm_of(const Backend& backend, int layer) {
  return *backend.graph().find("layer." + std::to_string(layer) + ".in_norm");
}

}  // namespace

TEST_CASE("one pass, and no fusion, have the bits of the fused kernel on every tap", "[kernel]") {
  for (const bool llama : {false, true}) {
    const Model model = tiny({.llama = llama, .attention_bias = true, .mlp_bias = llama});
    const Run fused = run_once(model, {}, 17);
    for (const char* variant : {"unfused", "exact"}) {
      INFO("variant " << variant << (llama ? ", Llama" : ", Qwen3"));
      require_same_taps(fused.taps, run_once(model, {.qkv = variant}, 17).taps);
      require_same_taps(fused.taps, run_once(model, {.qkv = variant, .qkv_layer = 1}, 17).taps);
      require_same_taps(fused.taps, run_once(model, {.qkv = variant, .block_threads = 64}, 17).taps);
    }
  }
}

TEST_CASE("the keys' norm in a launch of its own runs before the queries', and has the same bits", "[kernel]") {
  const Model model = tiny({.attention_bias = true});
  const Run fused = run_once(model, {}, 17);
  const auto place = [](const Backend& backend, const std::string& name) {
    return backend.graph().find(name) - backend.graph().ops.data();
  };
  for (const int layer : {-1, 1}) {
    const KernelOptions options{.qkv = "separate_k_norm", .qkv_layer = layer};
    const Run separate = run_once(model, options, 17);
    CHECK(same_tensor(fused.logits, separate.logits));
    require_same_taps(fused.taps, separate.taps);
    const auto backend = make_twin_backend(model, options);
    CHECK(place(*backend, "layer.1.attn.k_norm") + 1 == place(*backend, "layer.1.attn.q_norm"));
    CHECK((place(*backend, "layer.0.attn.k_norm") < place(*backend, "layer.0.attn.q_norm")) == (layer < 0));
  }
  require_parts(error_text<BackendError>([&] { make_twin_backend(tiny({.llama = true}), {.qkv = "separate_k_norm"}); }),
                {"norm of its key heads", "hf"});
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

TEST_CASE("minimal_f32 keeps queries and keys in f32 up to the norm of their heads, values not", "[kernel]") {
  const Model model = tiny();
  const Run f32 = run_once(model, {.qkv = "f32"}), minimal = run_once(model, {.qkv = "minimal_f32"});
  const auto backend = make_twin_backend(model, {.qkv = "minimal_f32"});
  const auto contract = [&](const std::string& name) { return backend->graph().find("layer.1." + name)->contract; };
  CHECK(contract("in_norm") == "rmsnorm/f32");
  for (const std::string role : {"q", "k"}) {
    CHECK(contract("attn." + role + "_proj") == "linear/f32out");
    CHECK(contract("attn." + role + "_norm") == "rmsnorm/olmo");
    const Tensor &kept = minimal.taps.at("layer.0.attn." + role + "_proj"),
                 &rounded = f32.taps.at("layer.0.attn." + role + "_proj");
    REQUIRE(kept.dtype() == DType::f32);
    for (int64_t i = 0; i < kept.count(); ++i)
      REQUIRE(round_to(DType::bf16, kept.view().at(i)) == rounded.view().at(i));
    CHECK(minimal.taps.at("layer.0.attn." + role + "_norm.out").dtype() == DType::bf16);
  }
  CHECK(contract("attn.v_proj") == "linear/f32acc");
  CHECK(same_tensor(f32.taps.at("layer.0.attn.v_proj"), minimal.taps.at("layer.0.attn.v_proj")));
  CHECK_FALSE(same_tensor(f32.taps.at("layer.0.attn.k_norm.out"), minimal.taps.at("layer.0.attn.k_norm.out")));
  // Without such norms there is nothing to keep f32 for.
  const Model llama = tiny({.llama = true});
  require_same_taps(run_once(llama, {.qkv = "f32"}).taps, run_once(llama, {.qkv = "minimal_f32"}).taps);
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

TEST_CASE("every fault of graph and weights runs, reaches the logits and leaves earlier layers alone", "[kernel]") {
  std::map<std::string, Run> healthy;  // by family
  for (const FaultInfo& fault : fault_catalogue()) {
    if (fault.kernel) continue;  // tests/kernel/faults
    INFO("fault " << fault.name << " at " << fault.default_site);
    const TinyModelOptions options = fault_host(fault.name, 5);
    if (!healthy.contains(options.family)) healthy.emplace(options.family, run_once(tiny(options), {}, 13));
    const Run& before = healthy.at(options.family);
    Model model = tiny(options);
    apply_fault(model, fault.name);
    const Run run = run_once(model, {}, 13);
    CHECK_FALSE(same_tensor(before.logits, run.logits));
    const bool in_layer_3 = fault.default_site.starts_with("layer.3");
    CHECK(same_tensor(before.taps.at("layer.2.resid2"), run.taps.at("layer.2.resid2")) ==
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
