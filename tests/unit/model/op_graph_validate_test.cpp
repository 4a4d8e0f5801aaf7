// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include <plumbline/error.h>
#include <plumbline/model.h>

#include "model/config.h"
#include "support/catch.h"
#include "support/error_text.h"
#include "support/tiny_model.h"

namespace plumbline {
namespace {

Op& op(OpGraph& graph, const std::string& name) { return const_cast<Op&>(*graph.find(name)); }

}  // namespace

TEST_CASE("Each breach of the graph's invariant is refused and names the op") {
  struct Row {
    std::string op, part;
    std::function<void(Op&)> spoil;
  };
  const std::vector<Row> rows = {
      {"layer.1.attn.q_norm", "stands twice", [](Op& o) { o.name = "layer.0.attn.q_norm"; }},
      {"layer.1.attn.q_norm", "stands twice", [](Op& o) { o.outputs[1].path = "embed"; }},
      {"layer.1.attn.q_norm", "stands twice", [](Op& o) { o.outputs[1].path = "tokens"; }},
      {"layer.1.attn.q_norm", "empty", [](Op& o) { o.outputs[1].path.clear(); }},
      {"layer.1.attn.q_norm", "neither a graph input nor a result", [](Op& o) { o.inputs[0] = "layer.1.attn.q_rope"; }},
      {"layer.1.attn.q_norm", "neither a graph input nor a result", [](Op& o) { o.inputs[0] = "nowhere"; }},
      {"layer.1.attn.q_norm", "neither a graph input nor a result", [](Op& o) { o.inputs[0] = "layer.0.in_norm.x32"; }},
      {"layer.1.attn.q_norm", "number of inputs", [](Op& o) { o.inputs.clear(); }},
      {"layer.1.attn.q_norm", "number of parameters", [](Op& o) { o.parameters.clear(); }},
      {"layer.1.attn.q_proj", "number of parameters",
       [](Op& o) {
         o.parameters = {"a", "b", "c"};
       }},
      {"layer.1.attn.q_norm", "number of results", [](Op& o) { o.outputs[0].inner = true; }},
      {"layer.1.attn.q_norm", "after an inner tap", [](Op& o) { o.outputs[3].inner = false; }},
      {"layer.1.attn.q_norm", "lacks an attribute", [](Op& o) { o.attributes.erase("eps"); }},
      {"layer.1.attn.q_norm", "wrong type", [](Op& o) { o.attributes["eps"] = int64_t{1}; }},
      {"layer.1.attn.q_norm", "not finite", [](Op& o) { o.attributes["eps"] = HUGE_VAL; }},
      {"layer.1.attn.ctx", "unknown value", [](Op& o) { o.attributes["kv_map"] = std::string("random"); }},
      {"layer.1.attn.k_rope", "unknown value", [](Op& o) { o.attributes["pairing"] = std::string("thirds"); }},
      {"layer.1.attn.q_norm", "negative", [](Op& o) { o.layer = -2; }}};
  const OpGraph sound = build_graph(parse_config(test::tiny_config({}).dump(), "config.json"));
  REQUIRE_NOTHROW(validate(sound));
  for (const Row& row : rows) {
    INFO(row.op << ": " << row.part);
    OpGraph spoilt = sound;
    Op& spoilt_op = op(spoilt, row.op);
    row.spoil(spoilt_op);
    const std::string message = test::error_text<InputError>([&] { validate(spoilt); });
    test::require_parts(message, {spoilt_op.name, row.part});
  }
}

TEST_CASE("Attributes of another type or absent are refused with op and key") {
  const OpGraph graph = build_graph(parse_config(test::tiny_config({}).dump(), "config.json"));
  const Op& norm = *graph.find("layer.0.in_norm");
  test::require_parts(test::error_text<InputError>([&] { integer(norm, "eps"); }), {"layer.0.in_norm", "eps"});
  test::require_parts(test::error_text<InputError>([&] { text(norm, "eps"); }), {"layer.0.in_norm", "eps"});
  test::require_parts(test::error_text<InputError>([&] { number(norm, "epsilon"); }), {"layer.0.in_norm", "epsilon"});
}

}  // namespace plumbline
