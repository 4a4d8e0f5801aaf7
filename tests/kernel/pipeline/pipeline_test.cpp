// SPDX-License-Identifier: Apache-2.0
// What the backend promises whatever the model: every declared tap, no influence of taps or launch shapes, clear
// refusals.
#include <plumbline/error.h>

#include "cuda/twin/options.h"
#include "kernel/pipeline/tiny_runs.h"
#include "support/error_text.h"

namespace plumbline::test {

TEST_CASE("every tap of the graph is recorded in order with its declared format, and none else", "[kernel]") {
  for (const TinyModelOptions& options :
       {TinyModelOptions{}, TinyModelOptions{.attention_bias = true},
        TinyModelOptions{.llama = true, .rope_scaling = RopeScaling{8.0, 1.0, 4.0, 512.0}, .mlp_bias = true}}) {
    const Model model = tiny(options);
    const Run run = run_once(model);
    std::vector<std::string> expected = {"tokens", "positions"}, actual;
    for (const Op& op : model.graph.ops) {
      for (const TapSpec& spec : op.outputs) expected.push_back(spec.path);
    }
    for (const TapSpec& spec : run.taps.order()) {
      actual.push_back(spec.path);
      INFO("tap " << spec.path);
      const Tensor& tap = run.taps.at(spec.path);
      CHECK(tap.shape().size() == spec.axes.size());
      const bool softmax_input = spec.path.ends_with("scores_masked");
      for (const double value : to_values(tap.view())) {
        if (!(std::abs(value) < (softmax_input ? 4e38 : 1e4))) FAIL("value " << value);
      }
    }
    CHECK(actual == expected);
    CHECK(same_tensor(run.taps.at("logits"), run.logits));
    CHECK(run.logits.shape() == Shape{1, 9, 320});
    CHECK(run.taps.at("layer.1.attn.k_cache").shape() == Shape{1, 2, 9, 32});
    CHECK(run.taps.at("layer.1.attn.probs32").shape() == Shape{1, 4, 9, 9});
    if (!options.llama) CHECK(run.taps.at("layer.0.attn.q_norm.rstd").shape() == Shape{1, 9, 4, 1});
    CHECK(run.taps.at("rope.inv_freq").shape() == Shape{16});
  }
}

TEST_CASE("taps change no bit: none, some or all of them give the same logits and the same values", "[kernel]") {
  const Model model = tiny();
  const Run all = run_once(model);
  CHECK(same_tensor(all.logits, run_once(model, {}, 9, "nothing").logits));
  for (const std::string glob : {"*.attn.probs32", "layer.1.*norm*", "*rot_sin", "*.mlp.*"}) {
    const Run some = run_once(model, {}, 9, glob);
    CHECK(same_tensor(all.logits, some.logits));
    REQUIRE(!some.taps.order().empty());
    for (const TapSpec& spec : some.taps.order()) CHECK(same_tensor(all.taps.at(spec.path), some.taps.at(spec.path)));
  }
  CHECK_NOTHROW(run_once(model, {.verify_taps = true}));
}

TEST_CASE("block size and number of worker threads change no bit of any tap", "[kernel]") {
  const Model model = tiny();
  const Run expected = run_once(model, {.threads = 1}, 19);
  require_same_taps(expected.taps, run_once(model, {.threads = 2}, 19).taps);
  require_same_taps(expected.taps, run_once(model, {.block_threads = 32, .threads = 3}, 19).taps);
  require_same_taps(expected.taps, run_once(model, {.block_threads = 256}, 19).taps);
}

TEST_CASE("no kernel of a pass depends on the order of its threads", "[kernel]") {
  const Model model = tiny({.layers = 1, .attention_bias = true});
  const Run expected = run_once(model, {}, 18);
  const twin::TwinOptions before = twin::twin_options();
  twin::TwinOptions racing = before;
  racing.check_races = true;
  twin::set_twin_options(racing);
  for (const std::string& variant : qkv_variants()) {
    INFO("variant " << variant);
    CHECK_NOTHROW(run_once(model, {.qkv = variant}, 18));
  }
  require_same_taps(expected.taps, run_once(model, {}, 18).taps);
  twin::set_twin_options(before);
}

TEST_CASE("an untied head and biases are used", "[kernel]") {
  const Run tied = run_once(tiny({.tied = true})), untied = run_once(tiny({.tied = false}));
  CHECK(same_tensor(tied.taps.at("final_norm.out"), untied.taps.at("final_norm.out")));
  CHECK_FALSE(same_tensor(tied.logits, untied.logits));
  const Run plain = run_once(tiny({.attention_bias = false})), biased = run_once(tiny({.attention_bias = true}));
  CHECK_FALSE(same_tensor(plain.taps.at("layer.0.attn.q_proj"), biased.taps.at("layer.0.attn.q_proj")));
  const Run llama = run_once(tiny({.llama = true})), mlp = run_once(tiny({.llama = true, .mlp_bias = true}));
  for (const char* tap : {"layer.0.mlp.gate_proj", "layer.0.mlp.up_proj", "layer.0.mlp.down_proj"}) {
    CHECK_FALSE(same_tensor(llama.taps.at(tap), mlp.taps.at(tap)));
  }
}

TEST_CASE("options, models and steps that cannot be run are refused with the reason", "[kernel]") {
  const Model model = tiny();
  require_parts(error_text<BackendError>([&] { make_twin_backend(model, {.qkv = "fast"}); }), {"'fast'", "unfused"});
  require_parts(error_text<BackendError>([&] { make_twin_backend(model, {.qkv = "f32", .qkv_layer = 2}); }),
                {"no layer 2"});
  require_parts(error_text<BackendError>([&] { make_twin_backend(model, {.block_threads = 100}); }), {"100", "128"});
  require_parts(error_text<BackendError>([] { make_twin_backend(tiny({.dtype = "float32"})); }),
                {"bf16", "--backend torch"});

  const auto backend = make_twin_backend(model);
  NullSink sink;
  require_parts(error_text<InputError>([&] {
                  backend->forward({0, 0, {5, 320}}, sink);
                }),
                {"320", "vocabulary", "319"});
  require_parts(error_text<InputError>([&] { backend->forward({0, 0, {}}, sink); }), {"without tokens"});
  require_parts(error_text<InputError>([&] {
                  backend->forward({1, 4, {5}}, sink);
                }),
                {"does not follow", "position 0"});
  backend->forward(prefill(4), sink);
  require_parts(error_text<InputError>([&] {
                  backend->forward({1, 5, {5}}, sink);
                }),
                {"position 4 in step 1", "position 5"});
  CHECK_NOTHROW(backend->forward({1, 4, {5}}, sink));
}

TEST_CASE("an op under a contract that no kernel has, or that its table does not fit, is named", "[kernel]") {
  const auto refusal = [](const std::string& contract) {
    Model model = tiny();
    for (Op& op : model.graph.ops) {
      if (op.name == "layer.1.attn.q_rope") op.contract = contract;
    }
    const auto backend = make_twin_backend(model);
    NullSink sink;
    return error_text<BackendError>([&] { backend->forward(prefill(2), sink); });
  };
  require_parts(refusal("rope/of-no-kernel"), {"layer.1.attn.q_rope", "rope/of-no-kernel", "rope/neox-t"});
  require_parts(refusal("rope/neox-f32"), {"layer.1.attn.q_rope", "rope/neox-f32", "rope-table/f32out"});
}

}  // namespace plumbline::test
