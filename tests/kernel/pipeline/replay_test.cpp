// SPDX-License-Identifier: Apache-2.0
// Steps that are recorded once and replayed give the logits and the taps of steps that are run launch by launch,
// whatever is wanted, however many keys there are and however long the taps are on their way.
#include <algorithm>
#include <set>
#include <stdexcept>

#include <plumbline/error.h>

#include "cuda/pipeline/recorded_taps.h"
#include "kernel/pipeline/tiny_runs.h"
#include "support/error_text.h"

namespace plumbline::test {
namespace {

int64_t likeliest(const Tensor& logits) {
  const std::vector<double> values = to_values(logits.view());
  const auto row = values.end() - logits.shape().back();
  return std::max_element(row, values.end()) - row;  // the first of equal ones
}

/// A ring that holds no step: each is run launch by launch.
KernelOptions launched(KernelOptions options) {
  options.ring_bytes = 1;
  return options;
}

/// Wants what a graph's ops hand on, or what a glob names.
class Chosen final : public TapSink {
 public:
  Chosen(const OpGraph& graph, const std::string& choice) : glob_(choice) {
    if (choice != "outputs") return;
    for (const Op& op : graph.ops)
      for (const TapSpec& spec : op.outputs)
        if (!spec.inner) outputs_.insert(spec.path);
  }
  bool wants(std::string_view path) const override {
    return glob_ == "outputs" ? outputs_.contains(path) : glob_matches(glob_, path);
  }
  void begin_step(const Step& step) override { taps.begin_step(step); }
  void record(const TapSpec& spec, const TensorView& values) override { taps.record(spec, values); }

  TapRecord taps;

 private:
  const std::string glob_;
  std::set<std::string, std::less<>> outputs_;
};

/// Whether a step's taps came as one entry of the ring, all but its inputs: it was replayed.
bool came_as_one(const TapRecord& taps, int64_t entries) {
  const auto inputs = std::ranges::count_if(
      taps.order(), [](const TapSpec& spec) { return spec.path == "tokens" || spec.path == "positions"; });
  REQUIRE((entries == inputs + 1 || entries == int64_t(taps.order().size())));
  return entries == inputs + 1;
}

/// The tokens chosen after a prompt of 9: launch by launch on one backend, while another replays the same steps and
/// must give the same bits.
std::vector<int64_t> decode_both(const Model& model, const KernelOptions& options, int64_t count,
                                 const std::string& choice) {
  const auto launching = make_twin_backend(model, launched(options)), replaying = make_twin_backend(model, options);
  const bool taps = choice != "none";
  std::vector<int64_t> tokens;
  for (Step step = prefill(8); int64_t(tokens.size()) <= count; step.tokens = {tokens.back()}) {
    INFO(choice << ", step " << step.index);
    Chosen expected(launching->graph(), choice), actual(replaying->graph(), choice);
    const int64_t launched_before = launching->capture()->entries, replayed_before = replaying->capture()->entries;
    const Tensor logits = launching->forward(step, expected);
    REQUIRE(same_tensor(logits, replaying->forward(step, actual)));
    require_same_taps(expected.taps, actual.taps);
    if (taps && !options.statistics) {  // which come many at a time either way
      REQUIRE_FALSE(came_as_one(expected.taps, launching->capture()->entries - launched_before));
      REQUIRE(came_as_one(actual.taps, replaying->capture()->entries - replayed_before) == (step.index > 0));
    }
    REQUIRE(actual.taps.order().empty() != taps);
    step.first_position += int64_t(step.tokens.size());
    ++step.index;
    tokens.push_back(likeliest(logits));
  }
  return tokens;
}

std::vector<int64_t> generated(const Model& model, const KernelOptions& options, int64_t count) {
  const auto backend = make_twin_backend(model, options);
  NullSink nothing;
  const int64_t first = likeliest(backend->forward(prefill(8), nothing));
  std::vector<int64_t> tokens = backend->generate(first, count);
  tokens.insert(tokens.begin(), first);
  return tokens;
}

/// What the ring gets of a replayed step with so many keys.
size_t step_bytes(const Model& model, int64_t keys) {
  const auto backend = make_twin_backend(model);
  TapRecord taps;
  backend->forward(prefill(keys - 1), taps);
  const int64_t before = backend->capture()->bytes;
  backend->forward({1, keys - 1, {1}}, taps);
  constexpr int64_t kInputs = 2 * sizeof(int64_t);  // the token and its position come by themselves
  return size_t(backend->capture()->bytes - before - kInputs);
}

}  // namespace

TEST_CASE("a replayed step gives the same logits and taps, and generate the same tokens", "[kernel]") {
  const Model model = tiny({.layers = 1, .attention_bias = true}), llama = tiny({.llama = true});
  constexpr int64_t kPastFirstSize = 60;  // the caches begin with room for 64 rows
  for (const std::string choice : {"none", "*"})
    CHECK(decode_both(model, {}, kPastFirstSize, choice) == generated(model, {}, kPastFirstSize));
  for (const std::string choice : {"none", "*", "outputs", "*attn*"})
    CHECK(decode_both(llama, {}, 8, choice) == generated(llama, {}, 8));
}

TEST_CASE("statistics of a replayed step are those of the step run launch by launch", "[kernel]") {
  const Model model = tiny({.layers = 1, .attention_bias = true});
  for (const std::string choice : {"*", "*_cache"}) decode_both(model, {.statistics = true}, 60, choice);
}

TEST_CASE("the same under numerics torch/sm90, whose orders change with the number of keys", "[kernel]") {
  const KernelOptions options{.numerics = "torch/sm90"};
  const Model llama = load_model(PLUMBLINE_SOURCE_DIR "/dumps/models/llama-tiny");
  CHECK(decode_both(llama, options, 10, "*") == generated(llama, options, 10));
  const Model qwen = load_model(PLUMBLINE_SOURCE_DIR "/dumps/models/qwen3-tiny");
  decode_both(qwen, options, 1, "*");
}

TEST_CASE("steps whose taps fit into the ring one at a time, or no longer, lose nothing", "[kernel]") {
  const Model model = tiny({.layers = 1});
  constexpr int64_t kKeysThatFit = 20;
  const auto whole = make_twin_backend(model),
             tight = make_twin_backend(model, {.ring_bytes = step_bytes(model, kKeysThatFit)});
  std::vector<bool> replayed;
  Step step = prefill(3);
  for (int i = 0; i < 40; ++i, ++step.index) {
    Chosen expected(whole->graph(), "*"), actual(tight->graph(), "*");
    const int64_t before = tight->capture()->entries;
    whole->forward(step, expected);
    tight->forward(step, actual);
    INFO("step " << i);
    require_same_taps(expected.taps, actual.taps);
    replayed.push_back(came_as_one(actual.taps, tight->capture()->entries - before));
    step.first_position += int64_t(step.tokens.size());
    step.tokens = {i};
  }
  for (int i = 1; i < 40; ++i) CHECK(replayed[size_t(i)] == (3 + i <= (kKeysThatFit + 7) / 8 * 8));
}

TEST_CASE("taps that are wanted otherwise than before, and another prompt, are recorded anew", "[kernel]") {
  const Model model = tiny({.layers = 2});
  const auto launching = make_twin_backend(model, launched({})), replaying = make_twin_backend(model);
  const char* const choices[] = {"*", "*", "none", "layer.1.*", "logits", "logits", "outputs", "*norm*"};
  for (const int64_t prompt : {5, 62}) {
    Step step = prefill(prompt);
    for (const char* choice : choices) {
      Chosen expected(launching->graph(), choice), actual(replaying->graph(), choice);
      INFO(choice << " at position " << step.first_position);
      REQUIRE(same_tensor(launching->forward(step, expected), replaying->forward(step, actual)));
      require_same_taps(expected.taps, actual.taps);
      step.first_position += int64_t(step.tokens.size());
      ++step.index;
      step.tokens = {7};
    }
  }
}

TEST_CASE("taps that wait in the ring keep their values while the next steps are replayed", "[kernel]") {
  struct Keeping final : public TapSink {
    bool wants(std::string_view path) const override { return path != "tokens" && path != "positions"; }
    void begin_step(const Step&) override {}
    void record(const TapSpec&, const TensorView&) override { FAIL("values are late here"); }
    void record_late(std::unique_ptr<LateTaps> late) override { kept.push_back(std::move(late)); }
    std::vector<std::unique_ptr<LateTaps>> kept;
  };
  const Model model = tiny({.layers = 1});
  std::vector<TapRecord> expected(6, TapRecord("*"));
  Keeping keeping;
  {
    const auto launching = make_twin_backend(model, launched({})), replaying = make_twin_backend(model);
    NullSink nothing;
    launching->forward(prefill(9), nothing);
    replaying->forward(prefill(9), nothing);
    for (size_t i = 0; i < expected.size(); ++i) {
      const Step step{int64_t(i) + 1, 9 + int64_t(i), {int64_t(i)}};
      launching->forward(step, expected[i]);
      replaying->forward(step, keeping);
    }
  }  // the backends go, what they handed out stays
  REQUIRE(keeping.kept.size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    TapRecord actual;
    keeping.kept[i]->record_in(actual);
    REQUIRE(actual.order().size() + 2 == expected[i].order().size());
    for (const TapSpec& spec : actual.order()) {
      INFO("step " << i << ", " << spec.path);
      REQUIRE(same_tensor(expected[i].at(spec.path), actual.at(spec.path)));
    }
  }
}

TEST_CASE("a step whose sink fails can be taken again", "[kernel]") {
  struct Failing final : public TapSink {
    bool wants(std::string_view) const override { return true; }
    void begin_step(const Step&) override {}
    void record(const TapSpec& spec, const TensorView&) override {
      if (spec.path == "layer.0.attn.probs") throw std::runtime_error("disk full");
    }
  };
  const Model model = tiny({.layers = 1});
  const auto launching = make_twin_backend(model, launched({})), replaying = make_twin_backend(model);
  NullSink nothing;
  launching->forward(prefill(9), nothing);
  replaying->forward(prefill(9), nothing);
  for (int64_t i = 0; i < 2; ++i) {
    const Step step{i + 1, 9 + i, {i}};
    Failing failing;
    CHECK_THROWS_WITH(replaying->forward(step, failing), "disk full");
    TapRecord expected, actual;
    CHECK(same_tensor(launching->forward(step, expected), replaying->forward(step, actual)));
    require_same_taps(expected, actual);
  }
}

TEST_CASE("poison that a replay left in a tap is an error for who waits for it", "[kernel]") {
  for (const bool statistics : {false, true}) {
    twin::TapCapture capture(size_t{1} << 20, true, statistics);
    twin::RecordedTaps taps(capture, 10);
    const auto value = twin::DeviceValue::upload("layer.0.x", Tensor::from_values(DType::f32, {3}, {{1, 2, 3}}).view());
    const auto constant = twin::DeviceValue::upload("angle", Tensor::from_values(DType::f32, {1}, {{5}}).view());
    const TapSpec spec{"layer.0.x", DType::f32, {"channel"}, false};
    taps.add(spec, value);
    taps.lay_out(constant);
    taps.collect(1, {});
    TapRecord said;
    CHECK_NOTHROW(taps.hand_out(1, said));
    taps.collect(2, {});  // nothing has written it since
    require_parts(error_text<BackendError>([&] { taps.hand_out(2, said); }), {"'layer.0.x'", "never written"});
  }
}

TEST_CASE("generate needs a prompt, tokens of the vocabulary and keys whose order is known", "[kernel]") {
  const Model model = load_model(PLUMBLINE_SOURCE_DIR "/dumps/models/llama-tiny");
  const auto backend = make_twin_backend(model, {.numerics = "torch/sm90"});
  CHECK_THROWS_AS(backend->generate(1, 4), InputError);
  NullSink nothing;
  backend->forward(prefill(8), nothing);
  CHECK_THROWS_AS(backend->generate(100000, 4), InputError);
  CHECK_THROWS_AS(backend->generate(1, 2000), BackendError);
}

}  // namespace plumbline::test
