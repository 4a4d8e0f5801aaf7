// SPDX-License-Identifier: Apache-2.0
// What the faults that rewrite the graph leave behind, attribute by attribute.
#include <cmath>

#include <plumbline/model.h>

#include "support/catch.h"
#include "support/tiny_model.h"

namespace plumbline {
namespace {

Model faulty(const std::string& fault) {
  test::TinyModelOptions options;
  options.layers = 4;
  const test::TempDirectory directory = test::write_tiny_model(options);
  Model model = load_model(directory.path());
  apply_fault(model, fault);
  return model;
}

const Op& op(const Model& model, std::string_view name) {
  const Op* found = model.graph.find(name);
  REQUIRE(found != nullptr);
  return *found;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("Single rounding is OLMo's contract, and the value before the weight has no tap") {
  const Model model = faulty("norm.single_rounding");
  CHECK(op(model, "layer.3.in_norm").contract == "rmsnorm/olmo");
  CHECK(op(model, "layer.2.in_norm").contract == "rmsnorm/llama");
  CHECK(model.graph.producer("layer.3.in_norm.n") == nullptr);
  CHECK(model.graph.producer("layer.3.in_norm.n32") != nullptr);
}

TEST_CASE("Without its norm, the key projection is split into heads as it is") {
  const Model model = faulty("k_norm.dropped");
  CHECK(op(model, "layer.3.attn.k_heads").inputs == Strings{"layer.3.attn.k_proj"});
  CHECK(model.graph.producer("layer.3.attn.k_norm.out") == nullptr);
  CHECK(model.graph.find("layer.2.attn.k_norm") != nullptr);
}

TEST_CASE("One layer's rope theta is a table of its own, ahead of the layer") {
  const Model model = faulty("rope.theta=1e4@layer.3");
  const Op& table = op(model, "layer.3.rope.table");
  CHECK(table.layer == 3);
  CHECK(number(table, "theta") == 1e4);
  CHECK(table.inputs == Strings{"positions"});
  Strings paths;
  for (const TapSpec& tap : table.outputs) paths.push_back(tap.path);
  CHECK(paths == Strings{"layer.3.rope.cos", "layer.3.rope.sin", "layer.3.rope.inv_freq", "layer.3.rope.freqs",
                         "layer.3.rope.cos32", "layer.3.rope.sin32"});
  CHECK((&table + 1)->name == "layer.3.in_norm");
  for (const std::string which : {"q", "k"}) {
    CHECK(op(model, "layer.3.attn." + which + "_rope").inputs ==
          Strings{"layer.3.attn." + which + "_heads", "layer.3.rope.cos", "layer.3.rope.sin"});
    CHECK(op(model, "layer.2.attn." + which + "_rope").inputs.at(1) == "rope.cos");
  }
  CHECK(number(op(model, "rope.table"), "theta") == 1e6);
}

TEST_CASE("Attributes get the values that the faults name") {
  CHECK(number(op(faulty("rope.theta=12345.5"), "rope.table"), "theta") == 12345.5);
  CHECK(text(op(faulty("rope.interleaved"), "layer.3.attn.q_rope"), "pairing") == "interleaved");
  CHECK(op(faulty("rope.interleaved"), "layer.3.attn.q_rope").contract == "rope/neox-t");
  CHECK(text(op(faulty("gqa.map=modulo"), "layer.3.attn.scores_raw"), "kv_map") == "modulo");
  CHECK(integer(op(faulty("mask.off_by_one"), "layer.3.attn.scores_masked"), "offset") == 1);
  CHECK(number(op(faulty("softmax.scale_missing"), "layer.3.attn.scores_scaled"), "factor") == 1.0);
  CHECK(number(op(faulty("embed.scale"), "embed"), "scale") == 0.125);  // 1 / sqrt(64)
  CHECK(number(op(faulty("norm.eps"), "layer.0.in_norm"), "eps") == 1e-5);
}

TEST_CASE("A dropped residual lets the branch through alone") {
  const Model model = faulty("residual.dropped");
  CHECK(op(model, "layer.3.post_norm").inputs == Strings{"layer.3.attn.o_proj"});
  CHECK(op(model, "layer.3.resid2").inputs == Strings{"layer.3.attn.o_proj", "layer.3.mlp.down_proj"});
}

}  // namespace plumbline
