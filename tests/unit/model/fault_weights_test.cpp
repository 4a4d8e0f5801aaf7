// SPDX-License-Identifier: Apache-2.0
// What the faults that change weights leave in the parameters, element by element.
#include <algorithm>
#include <cmath>

#include <plumbline/error.h>
#include <plumbline/model.h>

#include "support/catch.h"
#include "support/error_text.h"
#include "support/tiny_model.h"

namespace plumbline {
namespace {

Model healthy(test::TinyModelOptions options = {}) {
  options.layers = 4;
  const test::TempDirectory directory = test::write_tiny_model(options);
  return load_model(directory.path());
}

Model with(Model model, const std::string& fault) {
  apply_fault(model, fault);
  return model;
}

std::vector<double> values(const Model& model, const std::string& name) {
  return to_values(model.parameters.at(name).view());
}

const std::string kLayer3 = "model.layers.3.";

}  // namespace

TEST_CASE("An uninitialised bias has both signs and magnitudes from 1e29 to 1e34, the same in every run") {
  const std::string name = "model.layers.1.self_attn.v_proj.bias";
  const Model model = with(healthy(), "bias.uninitialised=1e29");
  CHECK(model.graph.find("layer.1.attn.v_proj")->parameters.at(1) == name);
  const std::vector<double> bias = values(model, name);
  REQUIRE(bias.size() == 64);  // 2 key-value heads of 32
  CHECK(model.parameters.at(name).dtype() == DType::bf16);
  double least = INFINITY, most = 0.0;
  for (const double value : bias) {
    least = std::min(least, std::fabs(value));
    most = std::max(most, std::fabs(value));
  }
  CHECK(least > 0.99e29);  // rounding to bf16 moves a value by at most 2^-9 of it
  CHECK(least < 1e31);
  CHECK(most > 1e32);
  CHECK(most < 1e34);
  CHECK(std::any_of(bias.begin(), bias.end(), [](double v) { return v < 0.0; }));
  CHECK(std::any_of(bias.begin(), bias.end(), [](double v) { return v > 0.0; }));
  CHECK(values(with(healthy(), "bias.uninitialised=1e29"), name) == bias);
  CHECK(values(with(healthy(), "bias.uninitialised@layer.2.attn.v_proj"), "model.layers.2.self_attn.v_proj.bias") !=
        bias);
}

TEST_CASE("An uninitialised bias takes the place of one that the checkpoint has") {
  test::TinyModelOptions options;
  options.attention_bias = true;
  const Model before = healthy(options), after = with(before, "bias.uninitialised=1e29");
  const std::string name = "model.layers.1.self_attn.v_proj.bias";
  CHECK(after.parameters.size() == before.parameters.size());
  CHECK(std::fabs(values(after, name).at(0)) > 1e28);
  CHECK(std::fabs(values(before, name).at(0)) < 10.0);
}

TEST_CASE("A bias too large for the model's format is refused") {
  test::TinyModelOptions options;
  options.dtype = "float16";
  Model model = healthy(options);
  test::require_parts(test::error_text<UsageError>([&] { apply_fault(model, "bias.uninitialised"); }), {"f16"});
  CHECK_NOTHROW(apply_fault(model, "bias.uninitialised=0.5"));
}

TEST_CASE("A transposed weight is the buffer of its transpose, read in the old shape") {
  const Model before = healthy(), after = with(before, "weight.transposed@layer.3.attn.q_proj");
  const std::string name = kLayer3 + "self_attn.q_proj.weight";
  const std::vector<double> w = values(before, name), t = values(after, name);
  constexpr size_t kOut = 128, kIn = 64;
  CHECK(after.parameters.at(name).shape() == Shape{kOut, kIn});
  for (size_t flat = 0; flat < t.size(); ++flat) {  // element `flat` of the [in,out] buffer
    const size_t in = flat / kOut, out = flat % kOut;
    REQUIRE(t[flat] == w[out * kIn + in]);
  }
}

TEST_CASE("Exchanged projections hold each other's bytes") {
  const Model before = healthy();
  const Model mlp = with(before, "mlp.gate_up_swapped");
  CHECK(values(mlp, kLayer3 + "mlp.gate_proj.weight") == values(before, kLayer3 + "mlp.up_proj.weight"));
  CHECK(values(mlp, kLayer3 + "mlp.up_proj.weight") == values(before, kLayer3 + "mlp.gate_proj.weight"));
  const Model kv = with(before, "attn.k_v_swapped");
  CHECK(values(kv, kLayer3 + "self_attn.k_proj.weight") == values(before, kLayer3 + "self_attn.v_proj.weight"));
}

TEST_CASE("Norm weights become ones, or one more than they are") {
  const Model before = healthy();
  const std::vector<double> ones = values(with(before, "norm.weight_missing"), kLayer3 + "self_attn.q_norm.weight");
  CHECK(ones == std::vector<double>(32, 1.0));
  const std::string name = kLayer3 + "input_layernorm.weight";
  const std::vector<double> w = values(before, name), offset = values(with(before, "norm.weight_offset"), name);
  for (size_t i = 0; i < w.size(); ++i) CHECK(offset[i] == round_to(DType::bf16, 1.0 + w[i]));
}

TEST_CASE("A weight of the wrong layer is the one before, and in layer 0 the one after") {
  const Model before = healthy();
  const std::string o = "self_attn.o_proj.weight";
  CHECK(values(with(before, "weight.wrong_layer"), kLayer3 + o) == values(before, "model.layers.2." + o));
  CHECK(values(with(before, "weight.wrong_layer@layer.0"), "model.layers.0." + o) ==
        values(before, "model.layers.1." + o));
}

TEST_CASE("A changed head leaves the embedding that it was tied to alone") {
  const Model before = healthy();
  const std::string embedding = "model.embed_tokens.weight";
  for (const std::string fault : {"head.untied", "weight.transposed@logits"}) {
    const Model after = with(before, fault);
    CHECK(after.graph.find("embed")->parameters == std::vector<std::string>{embedding});
    CHECK(after.graph.find("logits")->parameters == std::vector<std::string>{"lm_head.weight"});
    CHECK(values(after, embedding) == values(before, embedding));
    CHECK(values(after, "lm_head.weight") != values(before, embedding));
  }
}

TEST_CASE("An untied head is random numbers of deviation 0.02") {
  for (const bool tied : {true, false}) {
    test::TinyModelOptions options;
    options.tied = tied;
    const std::vector<double> head = values(with(healthy(options), "head.untied"), "lm_head.weight");
    double sum = 0.0, squares = 0.0;
    for (const double value : head) {
      sum += value;
      squares += value * value;
    }
    const auto n = static_cast<double>(head.size());  // 320 * 64: the deviation's own error is about 0.5 %
    CHECK(std::fabs(sum / n) < 0.001);
    CHECK(std::fabs(std::sqrt(squares / n) - 0.02) < 0.0005);
  }
}

}  // namespace plumbline
