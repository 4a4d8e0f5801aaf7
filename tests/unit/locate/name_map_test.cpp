// SPDX-License-Identifier: Apache-2.0
// Name maps: what patterns match, what layouts give, what a map may not hold, and that the presets hold together.
#include "locate/name_map.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <set>

#include "support/catch.h"
#include "support/error_text.h"

using namespace plumbline;

namespace {

std::string error_of(const std::string& json) {
  return plumbline::test::error_text<InputError>([&] { parse_name_map(json, "m.json"); });
}

std::string with_taps(const std::string& taps) {
  return fmt::format(R"({{"schema": "plumbline-map/1", "taps": {{{}}}}})", taps);
}

/// 0, 1, 2, ... as f32.
Tensor counted(const Shape& shape) {
  std::vector<double> values;
  for (int64_t i = 0; i < element_count(shape); ++i) values.push_back(static_cast<double>(i));
  return Tensor::from_values(DType::f32, shape, values);
}

}  // namespace

TEST_CASE("patterns: placeholders carry text over, never across a dot; * carries nothing") {
  struct Row {
    std::string pattern, tap, name, expected;  // "" for no match
  };
  const Row rows[] = {
      {"embed", "x", "embed", "x"},
      {"embed", "x", "embed2", ""},
      {"h.{i}.mlp.out", "layer.{i}.mlp", "h.12.mlp.out", "layer.12.mlp"},
      {"h.{i}.mlp.out", "layer.{i}.mlp", "h.12.a.mlp.out", ""},
      {"h.{i}.mlp.out", "layer.{i}.mlp", "h..mlp.out", ""},
      {"*.{i}.{part}_proj", "layer.{i}.{part}", "model.layers.3.k_proj", "layer.3.k"},
      {"{i}.{i}", "{i}", "7.7", "7"},
      {"{i}.{i}", "{i}", "7.8", ""},
      {"{a}{b}x", "{b}", "123x", "3"},  // the first takes as much as it can
      {"*", "all", "", "all"},
  };
  for (const Row& row : rows) {
    INFO(row.pattern << " on " << row.name);
    CHECK(mapped_name({row.pattern, row.tap, {}, false}, row.name).value_or("") == row.expected);
  }
}

TEST_CASE("layouts move elements and never change them") {
  using Kind = LayoutStep::Kind;
  struct Row {
    std::string name;
    Shape shape;
    std::vector<LayoutStep> steps;
    Shape expected_shape;
    std::vector<double> expected;
  };
  const Row rows[] = {
      {"middle of the last axis", {2, 6}, {{Kind::slice, {-1, 2, 4}}}, {2, 2}, {2, 3, 8, 9}},
      {"second row", {2, 3}, {{Kind::slice, {0, 1, 2}}, {Kind::squeeze, {0}}}, {3}, {3, 4, 5}},
      {"heads out of channels",
       {1, 2, 4},
       {{Kind::reshape, {0, 0, 2, -1}}, {Kind::transpose, {0, 2, 1, 3}}},
       {1, 2, 2, 2},
       {0, 1, 4, 5, 2, 3, 6, 7}},
      {"transposed matrix", {2, 3}, {{Kind::transpose, {1, 0}}}, {3, 2}, {0, 3, 1, 4, 2, 5}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const Tensor result = relaid(counted(row.shape), row.steps);
    CHECK(result.shape() == row.expected_shape);
    CHECK(to_values(result.view()) == row.expected);
  }
  const std::vector<std::vector<LayoutStep>> impossible = {
      {{Kind::slice, {1, 0, 4}}}, {{Kind::slice, {2, 0, 1}}},  {{Kind::slice, {0, 1, 1}}},
      {{Kind::reshape, {4, 2}}},  {{Kind::reshape, {-1, -1}}}, {{Kind::reshape, {2, 3, 0}}},
      {{Kind::squeeze, {0}}},     {{Kind::transpose, {0, 0}}}, {{Kind::transpose, {0, 1, 2}}}};
  for (const auto& steps : impossible) CHECK_THROWS_AS(relaid(counted({2, 3}), steps), InputError);
}

TEST_CASE("a map that cannot be meant is refused with the key") {
  struct Row {
    std::string json, reason;
  };
  const Row rows[] = {
      {"{", "no JSON"},
      {R"({"taps": {"a": "b"}})", "'schema' must be"},
      {R"({"schema": "plumbline-map/1"})", "'taps' is missing"},
      {with_taps(""), "no rule"},
      {with_taps(R"("a": 3)"), "the rule 'a' is an integer"},
      {with_taps(R"("a": {"tap": "b", "slice": [0, 1]})"), "unknown key 'slice'"},
      {with_taps(R"("a": {"tap": "b", "do": [["cut", 1]]})"), "'cut' is none of slice"},
      {with_taps(R"("a": {"tap": "b", "do": [["slice", 1]]})"), "takes 3 to 3 numbers, 1 are given"},
      {with_taps(R"("a": "layer.{i}.b")"), "{i} stands in the tap only"},
      {with_taps(R"("a.*": "b.*")"), "the tap holds a wildcard"},
      {with_taps(R"("a": "b", "a": "c")"), "no JSON"},  // a duplicate key
      {R"({"schema": "plumbline-map/1", "extends": "hf-lama", "taps": {"a": "b"}})", "'hf-lama', which is no preset"},
  };
  for (const Row& row : rows) {
    INFO(row.json);
    plumbline::test::require_parts(error_of(row.json), {row.reason});
  }
}

TEST_CASE("every preset reads, and extends what it says") {
  CHECK(name_map_presets() == std::vector<std::string>{"hf-ernie4_5", "hf-gemma2", "hf-gemma3", "hf-llama", "hf-olmo2",
                                                       "hf-olmo3", "hf-phi3", "hf-qwen3"});
  const NameMap llama = *preset_name_map("hf-llama"), qwen = *preset_name_map("hf-qwen3");
  CHECK(qwen.rules.size() > llama.rules.size());
  const auto taps = [](const NameMap& map, const std::string& name) {
    std::set<std::string> all;
    for (const MapRule& rule : map.rules)
      if (const auto tap = mapped_name(rule, name)) all.insert(*tap);
    return all;
  };
  CHECK(taps(qwen, "model.layers.3.self_attn.q_norm.out") == std::set<std::string>{"layer.3.attn.q_norm.out"});
  CHECK(taps(llama, "model.layers.3.self_attn.q_norm.out").empty());
  CHECK(taps(qwen, "lm_head.out") == std::set<std::string>{"logits"});
  CHECK(preset_of_architecture("Qwen3ForCausalLM") == "hf-qwen3");
  CHECK(preset_of_architecture("GPT2LMHeadModel").empty());
  const NameMap olmo = *preset_name_map("hf-olmo2");
  CHECK(taps(olmo, "model.layers.3.input_layernorm.out").empty());  // null takes a rule away
  CHECK(taps(olmo, "model.layers.3.post_attention_layernorm.out") ==
        std::set<std::string>{"layer.3.attn.post_norm.out"});
}

TEST_CASE("a rule of one's own takes the place of the preset's, and one tensor may give several taps") {
  const NameMap map = parse_name_map(
      R"({"schema": "plumbline-map/1", "extends": "hf-llama", "ignore": ["junk.*"], "taps": {"lm_head.out": "other",
          "qkv": [{"tap": "q", "do": [["slice", -1, 0, 4]]}, {"tap": "k", "do": [["slice", -1, 4, 6]], "optional": true}]}})",
      "m.json");
  int heads = 0, slices = 0;
  for (const MapRule& rule : map.rules) {
    if (rule.pattern == "lm_head.out") heads += rule.tap == "other" ? 1 : 10;
    if (rule.pattern == "qkv") slices += rule.steps.size() == 1 ? 1 : 10;
  }
  CHECK(heads == 1);
  CHECK(slices == 2);
  CHECK(map.ignored.back() == "junk.*");
}
