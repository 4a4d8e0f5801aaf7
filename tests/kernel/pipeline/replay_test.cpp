// SPDX-License-Identifier: Apache-2.0
// Steps that are recorded once and replayed give the logits of steps that are run launch by launch.
#include <plumbline/error.h>

#include "kernel/pipeline/tiny_runs.h"

namespace plumbline::test {
namespace {

int64_t likeliest(const Tensor& logits) {
  const std::vector<double> values = to_values(logits.view());
  const auto row = values.end() - logits.shape().back();
  return std::max_element(row, values.end()) - row;  // the first of equal ones
}

/// The tokens chosen after a prompt of 9, step by step with a tap wanted, while another backend replays the same steps.
std::vector<int64_t> decode_both(const Model& model, const KernelOptions& options, int64_t count) {
  const auto step_by_step = make_twin_backend(model, options), replaying = make_twin_backend(model, options);
  TapRecord one_tap("logits");
  NullSink nothing;
  Step step = prefill(8);
  Tensor expected = step_by_step->forward(step, one_tap);
  CHECK(same_tensor(expected, replaying->forward(step, nothing)));
  std::vector<int64_t> tokens{likeliest(expected)};
  while (int64_t(tokens.size()) <= count) {
    step = {step.index + 1, step.first_position + int64_t(step.tokens.size()), {tokens.back()}};
    expected = step_by_step->forward(step, one_tap);
    INFO("step " << step.index);
    REQUIRE(same_tensor(expected, replaying->forward(step, nothing)));
    tokens.push_back(likeliest(expected));
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

}  // namespace

TEST_CASE("a replayed step gives the same logits, and generate the same tokens", "[kernel]") {
  const Model model = tiny({.layers = 1, .attention_bias = true});
  constexpr int64_t kPastFirstSize = 60;  // the caches begin with room for 64 rows
  CHECK(decode_both(model, {}, kPastFirstSize) == generated(model, {}, kPastFirstSize));
  const Model llama = tiny({.llama = true});
  CHECK(decode_both(llama, {}, 8) == generated(llama, {}, 8));
}

TEST_CASE("the same under numerics torch/sm90, whose orders change with the number of keys", "[kernel]") {
  const Model model = load_model(PLUMBLINE_SOURCE_DIR "/dumps/models/llama-tiny");
  const KernelOptions options{.numerics = "torch/sm90"};
  CHECK(decode_both(model, options, 20) == generated(model, options, 20));
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
