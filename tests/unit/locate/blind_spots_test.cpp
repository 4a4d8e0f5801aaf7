// SPDX-License-Identifier: Apache-2.0
// What tools in use pass over, at the level of whole traces: a call that is not the first one, zeros and infinities on
// both sides, two taps whose contents were exchanged, files whose taps hardly meet.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "locate/find.h"
#include "support/catch.h"
#include "support/tiny_model.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

FindReport find(const Bench& where, const Trace& reference, const Trace& candidate) {
  return find_divergence(reference, candidate, where.model(), {2, 4, 1});
}

void write_bits(Tensor& values, int64_t element, uint16_t bits) {
  std::memcpy(values.mutable_data() + element * 2, &bits, 2);
}

}  // namespace

TEST_CASE("a kernel that is right in every call but the last is found, and the step named") {
  Bench::Run run{text_tokens(8)};
  run.prefill = 5;
  const Trace healthy = bench().record("steps.h5", run);
  int calls = 0;
  run.edit = [&calls](TapSpec& spec, Tensor& values) {
    if (spec.path == "layer.1.mlp.down_proj" && ++calls == 4) write_bits(values, 9, 0x4280);  // 64
  };
  const FindReport report = find(bench(), healthy, bench().record("last_call.h5", run));
  REQUIRE(report.first_divergence() != nullptr);
  CHECK(report.first_divergence()->op == "layer.1.mlp.down_proj");
  REQUIRE(report.first_divergence()->place);
  CHECK(report.first_divergence()->place->candidate_step == 3);
  CHECK(report.first_divergence()->place->position == 7);
}

TEST_CASE("an op that gives zeros on both sides is parity, without a figure that is 0/0") {
  TinyModelOptions options;
  options.layers = 3;
  options.edit_tensors = [](std::vector<RawTensor>& tensors) {
    for (RawTensor& tensor : tensors)
      if (tensor.name == "model.layers.1.self_attn.v_proj.weight")
        std::fill(tensor.bytes.begin(), tensor.bytes.end(), 0);
  };
  const Bench zeros(options);
  const FindReport report =
      find(zeros, zeros.record("zeros.h5", {text_tokens(6)}), zeros.record("zeros_too.h5", {text_tokens(6)}));
  CHECK(report.outcome == Outcome::parity);
  CHECK(report.coverage.share() == 1.0);
  for (const OpRow& row : report.ops) {
    INFO(row.op);
    CHECK(row.total == 0.0);
    CHECK(std::isfinite(row.own));
    CHECK(std::isfinite(row.own_share));
  }
}

TEST_CASE("zeros in place of a result are found, whatever the size of what should stand there") {
  Bench::Run run{text_tokens(6)};
  run.edit = [](TapSpec& spec, Tensor& values) {
    if (spec.path == "layer.2.mlp.mul") std::memset(values.mutable_data(), 0, values.byte_size());
  };
  const FindReport report =
      find(bench(), bench().record("something.h5", {text_tokens(6)}), bench().record("nothing.h5", run));
  REQUIRE(report.first_divergence() != nullptr);
  CHECK(report.first_divergence()->op == "layer.2.mlp.mul");
}

TEST_CASE("infinities of opposite sign at one element are a divergence, with a model and without") {
  const auto with = [](uint16_t bits) {
    Bench::Run run{text_tokens(6)};
    run.edit = [bits](TapSpec& spec, Tensor& values) {
      if (spec.path == "logits") write_bits(values, 3, bits);
    };
    return run;
  };
  const Trace plus = bench().record("plus.h5", with(0x7F80)), minus = bench().record("minus.h5", with(0xFF80));
  CHECK(compare_values(plus, minus).outcome == Outcome::divergence);
  CHECK(find(bench(), plus, minus).outcome != Outcome::parity);
  CHECK(find(bench(), bench().record("finite.h5", {text_tokens(6)}), minus).outcome == Outcome::divergence);
}

TEST_CASE("taps are paired by name alone: exchanged contents are a divergence, not another pairing") {
  // The projections of keys and values have one shape; each is recorded under the other's name.
  Bench::Run run{text_tokens(6)};
  run.edit = [](TapSpec& spec, Tensor&) {
    if (spec.path == "layer.1.attn.k_proj")
      spec.path = "layer.1.attn.v_proj";
    else if (spec.path == "layer.1.attn.v_proj")
      spec.path = "layer.1.attn.k_proj";
  };
  const Trace healthy = bench().record("named.h5", {text_tokens(6)}), exchanged = bench().record("renamed.h5", run);
  const FindReport report = find(bench(), healthy, exchanged);
  REQUIRE(report.first_divergence() != nullptr);
  CHECK(report.first_divergence()->op == "layer.1.attn.k_proj");
  CHECK(compare_values(healthy, exchanged).outcome == Outcome::divergence);
}
