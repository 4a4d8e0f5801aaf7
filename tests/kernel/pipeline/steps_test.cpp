// SPDX-License-Identifier: Apache-2.0
// Steps of a sequence: prefill and decode give the same bits position by position, caches grow, a new sequence forgets.
#include <cstring>

#include "kernel/pipeline/tiny_runs.h"

namespace plumbline::test {
namespace {

/// The axis of `spec` with that name, or -1.
int axis_of(const TapSpec& spec, std::string_view name) {
  for (size_t i = 0; i < spec.axes.size(); ++i) {
    if (spec.axes[i] == name) return static_cast<int>(i);
  }
  return -1;
}

/// Rows first ... first + count - 1 of `axis`.
Tensor slice(const Tensor& tensor, int axis, int64_t first, int64_t count) {
  Shape shape = tensor.shape();
  int64_t outer = 1;
  size_t inner = element_bytes(tensor.dtype());
  for (int i = 0; i < axis; ++i) outer *= shape[static_cast<size_t>(i)];
  for (size_t i = static_cast<size_t>(axis) + 1; i < shape.size(); ++i) inner *= static_cast<size_t>(shape[i]);
  const int64_t whole = shape[static_cast<size_t>(axis)];
  shape[static_cast<size_t>(axis)] = count;
  Tensor result(tensor.dtype(), shape);
  for (int64_t o = 0; o < outer; ++o) {
    std::memcpy(result.mutable_data() + static_cast<size_t>(o * count) * inner,
                tensor.data() + static_cast<size_t>(o * whole + first) * inner, static_cast<size_t>(count) * inner);
  }
  return result;
}

/// What the prefill of all tokens recorded for the positions of a step that began at `first` with `count` tokens.
Tensor part_of_prefill(const TapSpec& spec, const Tensor& whole, int64_t first, int64_t count) {
  Tensor part = whole;
  if (const int token = axis_of(spec, "token"); token >= 0) part = slice(part, token, first, count);
  if (const int key = axis_of(spec, "key"); key >= 0) part = slice(part, key, 0, first + count);
  return part;
}

/// Prefill of `head` tokens, then one step a token, against one prefill of everything.
void check_decode(const Model& model, int64_t head, int64_t total) {
  const Run whole = run_once(model, {}, total);
  const std::vector<int64_t> tokens = tiny_tokens(total);
  const auto backend = make_twin_backend(model);
  for (int64_t step = 0, first = 0; first < total; ++step) {
    const int64_t count = step == 0 ? head : 1;
    TapRecord taps;
    backend->forward({step, first, {tokens.begin() + first, tokens.begin() + first + count}}, taps);
    REQUIRE(taps.order().size() == whole.taps.order().size());
    for (const TapSpec& spec : taps.order()) {
      INFO("step " << step << ", tap " << spec.path);
      REQUIRE(same_tensor(part_of_prefill(spec, whole.taps.at(spec.path), first, count), taps.at(spec.path)));
    }
    first += count;
  }
}

}  // namespace

TEST_CASE("prefill and decode give the bits of one prefill at every position of every tap", "[kernel]") {
  check_decode(tiny(), 12, 16);
  check_decode(tiny({.heads = 3, .kv_heads = 3, .head_dim = 20}), 1, 5);
  check_decode(tiny({.llama = true, .rope_scaling = RopeScaling{8.0, 1.0, 4.0, 512.0}, .tied = false}), 12, 16);
}

TEST_CASE("the cache grows past its first capacity without losing a bit", "[kernel]") {
  check_decode(tiny({.layers = 1}), 62, 67);
}

TEST_CASE("a step at position 0 begins a new sequence", "[kernel]") {
  const Model model = tiny();
  const auto backend = make_twin_backend(model);
  TapRecord first, again;
  backend->forward(prefill(7), first);
  NullSink nothing;
  backend->forward({1, 7, {3, 4}}, nothing);
  backend->forward(prefill(7), again);
  require_same_taps(first, again);
}

TEST_CASE("verifying taps holds in decode steps too", "[kernel]") {
  const auto backend = make_twin_backend(tiny(), {.verify_taps = true});
  TapRecord taps;
  backend->forward(prefill(5), taps);
  CHECK_NOTHROW(backend->forward({1, 5, {9}}, taps));
}

}  // namespace plumbline::test
