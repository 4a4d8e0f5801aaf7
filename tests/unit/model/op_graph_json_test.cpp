// SPDX-License-Identifier: Apache-2.0
#include <bit>

#include <plumbline/error.h>
#include <plumbline/model.h>
#include <plumbline/op_graph.h>

#include "model/config.h"
#include "support/catch.h"
#include "support/error_text.h"
#include "support/tiny_model.h"

#include <nlohmann/json.hpp>

namespace plumbline {
namespace {

OpGraph tiny_graph() { return build_graph(parse_config(test::tiny_config({}).dump(), "config.json")); }

/// The JSON of one sound op, for tests that spoil it.
const std::string kSound =
    R"({"inputs":["tokens","positions"],"ops":[{"name":"embed","kind":"embedding","layer":-1,"inputs":["tokens"],)"
    R"("parameters":["w"],"attributes":{"scale":1.0},"contract":"embedding/copy",)"
    R"("outputs":[{"path":"embed","dtype":"bf16","axes":["batch","token","channel"]}]}]})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("A graph survives the way to JSON and back unchanged") {
  const OpGraph graph = tiny_graph();
  const OpGraph back = op_graph_from_json(to_json(graph));
  REQUIRE(back.ops.size() == graph.ops.size());
  CHECK(back.inputs == graph.inputs);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op &a = graph.ops[i], &b = back.ops[i];
    CHECK(a.name == b.name);
    CHECK(a.kind == b.kind);
    CHECK(a.layer == b.layer);
    CHECK(a.inputs == b.inputs);
    CHECK(a.parameters == b.parameters);
    CHECK(a.attributes == b.attributes);
    CHECK(a.contract == b.contract);
    REQUIRE(a.outputs.size() == b.outputs.size());
    for (size_t o = 0; o < a.outputs.size(); ++o) {
      CHECK(a.outputs[o].path == b.outputs[o].path);
      CHECK(a.outputs[o].dtype == b.outputs[o].dtype);
      CHECK(a.outputs[o].axes == b.outputs[o].axes);
      CHECK(a.outputs[o].inner == b.outputs[o].inner);
    }
  }
}

TEST_CASE("Reals come back bit for bit, and whole reals stay reals") {
  OpGraph graph = tiny_graph();
  for (const double value : {1.0, 1e6, 0.1, 1.0 / 3.0, 0x1.fffffffffffffp-1022, 1.7976931348623157e308, 5e-324, -0.0}) {
    graph.ops.front().attributes["scale"] = value;
    const double back = number(op_graph_from_json(to_json(graph)).ops.front(), "scale");
    CHECK(std::bit_cast<uint64_t>(back) == std::bit_cast<uint64_t>(value));
  }
}

TEST_CASE("Every kind has a name that leads back to it") {
  for (int kind = 0; kind <= static_cast<int>(OpKind::gelu_tanh); ++kind) {
    CHECK(parse_op_kind(op_kind_name(static_cast<OpKind>(kind))) == static_cast<OpKind>(kind));
  }
  CHECK(op_kind_name(OpKind::embedding) == "embedding");
  CHECK(op_kind_name(OpKind::attn_context) == "attn_context");
  CHECK(op_kind_name(OpKind::gelu_tanh) == "gelu_tanh");
  CHECK_THROWS_AS(parse_op_kind("convolution"), InputError);
}

TEST_CASE("JSON that is no graph is refused with the place") {
  REQUIRE_NOTHROW(op_graph_from_json(kSound));
  struct Row {
    std::string from, to;
    std::vector<std::string> parts;
  };
  const std::vector<Row> rows = {
      {"\"kind\":\"embedding\"", "\"kind\":\"conv\"", {"ops[0].kind", "conv"}},
      {"\"kind\":\"embedding\"", "\"kind\":7", {"ops[0].kind", "an integer", "a text"}},
      {"\"dtype\":\"bf16\"", "\"dtype\":\"bf17\"", {"ops[0].outputs[0].dtype", "bf17"}},
      {"\"layer\":-1", "\"layer\":-2", {"ops[0].layer"}},
      {"\"layer\":-1", "\"layer\":18446744073709551615", {"ops[0].layer"}},
      {"\"layer\":-1", "\"layer\":1.5", {"ops[0].layer"}},
      {"\"attributes\":{\"scale\":1.0}", "\"attributes\":[]", {"ops[0].attributes", "a list"}},
      {"\"scale\":1.0", "\"scale\":null", {"ops[0].attributes.scale", "null"}},
      {"\"scale\":1.0", "\"scale\":1", {"embed", "scale", "a real number"}},
      {"\"scale\":1.0", "\"scale\":1e999", {"cannot be used"}},
      {"\"contract\":", "\"contrakt\":", {"ops[0]", "contract"}},
      {"[\"batch\",", "[4,", {"ops[0].outputs[0].axes[0]"}},
      {"\"name\":\"embed\",", "\"name\":\"embed\",\"name\":\"embed\",", {"duplicate key 'name'"}},
      {"]}]}]}", "]}]}", {"byte"}},
      {"{\"inputs\"", "[\"inputs\"", {"byte"}}};
  for (const Row& row : rows) {
    INFO(row.to);
    const std::string spoilt = replaced(kSound, row.from, row.to);
    const std::string message = test::error_text<InputError>([&] { op_graph_from_json(spoilt); });
    for (const std::string& part : row.parts) test::require_parts(message, {part});
  }
  for (const std::string text : {"", "7", "null", "{}", "{\"inputs\":[]}", "\xff", "[[[["}) {
    INFO(text);
    CHECK_THROWS_AS(op_graph_from_json(text), InputError);
  }
  CHECK_THROWS_AS(op_graph_from_json(std::string(100'000, '[')), InputError);
}

}  // namespace plumbline
