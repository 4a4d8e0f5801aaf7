// SPDX-License-Identifier: Apache-2.0
// The token that is chosen on the device is that of the logits which forward hands out, and steps may follow it.
#include <plumbline/error.h>

#include "kernel/pipeline/tiny_runs.h"

namespace plumbline::test {
namespace {

int64_t likeliest(const Tensor& logits) {
  const std::vector<double> values = to_values(logits.view());
  const auto row = values.end() - logits.shape().back();
  return std::max_element(row, values.end()) - row;  // the first of equal ones
}

}  // namespace

TEST_CASE("next_token gives the likeliest token of the last row, of a prompt and of the steps behind it", "[kernel]") {
  const Model model = tiny();
  const auto on_host = make_twin_backend(model), on_device = make_twin_backend(model);
  NullSink nothing;
  Step step = prefill(9);
  for (int steps = 0; steps < 4; ++steps) {
    const int64_t expected = likeliest(on_host->forward(step, nothing));
    REQUIRE(on_device->next_token(step) == expected);
    step = {step.index + 1, step.first_position + int64_t(step.tokens.size()), {expected, 3}};
  }
  step.tokens = {5};  // and a step whose launches are recorded
  CHECK(same_tensor(on_host->forward(step, nothing), on_device->forward(step, nothing)));
}

TEST_CASE("next_token refuses what forward refuses", "[kernel]") {
  const auto backend = make_twin_backend(tiny());
  CHECK_THROWS_AS(backend->next_token({0, 0, {}}), InputError);
  CHECK_THROWS_AS(backend->next_token({1, 9, {1}}), InputError);
}

}  // namespace plumbline::test
