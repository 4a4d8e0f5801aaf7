// SPDX-License-Identifier: Apache-2.0
// The reference's op variants that no Qwen3 of transformers reaches (other contracts, faults as data), each against
// arithmetic spelled out here, and its refusals. Rows enter by an embedding of the values wanted.
#include <algorithm>
#include <cmath>

#include "reference/memory_sink.h"
#include "reference/torch_backend.h"
#include "support/catch.h"

#include <plumbline/error.h>

namespace plumbline::test {
namespace {

TapSpec tap(const std::string& path, DType dtype = DType::bf16, bool inner = false) { return {path, dtype, {}, inner}; }

/// An embedding "x" whose row i is rows[i].
Model model_of(const std::vector<std::vector<double>>& rows, double scale = 1.0) {
  std::vector<double> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  Model model;
  model.config.vocab = static_cast<int64_t>(rows.size());
  model.parameters["table"] =
      Tensor::from_values(DType::bf16, {model.config.vocab, static_cast<int64_t>(rows.front().size())}, flat);
  model.graph.ops.push_back(
      {"x", OpKind::embedding, -1, {"tokens"}, {"table"}, {{"scale", scale}}, "embedding/copy", {tap("x")}});
  return model;
}

void append(Model& model, const std::string& name, OpKind kind, std::vector<std::string> inputs, Attributes attributes,
            const std::string& contract) {
  model.graph.ops.push_back({name, kind, -1, std::move(inputs), {}, std::move(attributes), contract, {tap(name)}});
}

std::vector<double> run(const Model& model, const std::string& path, std::vector<int64_t> tokens, MemorySink& sink) {
  make_torch_backend(model)->forward({.index = 0, .first_position = 0, .tokens = std::move(tokens)}, sink);
  return to_values(sink.at(path).view());
}

std::vector<double> run(const Model& model, const std::string& path, std::vector<int64_t> tokens) {
  MemorySink sink;
  return run(model, path, std::move(tokens), sink);
}

double bf16(double value) { return round_to(DType::bf16, value); }
float f32(double value) { return static_cast<float>(value); }

/// The message of the error that `action` ends in, or "none".
template <class Action>
std::string message(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

std::string refusal(const Model& model) {
  return message([&] { make_torch_backend(model); });
}

bool has(const std::string& text, const std::vector<std::string>& parts) {
  return std::all_of(parts.begin(), parts.end(),
                     [&](const std::string& part) { return text.find(part) != std::string::npos; });
}

Model norm_model(const std::string& contract, DType output) {
  Model model = model_of({{1, 2, 3, 4}});
  model.parameters["w"] = Tensor::from_values(DType::bf16, {4}, std::vector<double>{1.296875, 0.7109375, 96.5, 3});
  model.graph.ops.push_back({"n",
                             OpKind::rmsnorm,
                             -1,
                             {"x"},
                             {"w"},
                             {{"eps", 1e-6}, {"heads", int64_t{0}}},
                             contract,
                             {tap("n.out", output), tap("n.rstd", DType::f32, true)}});
  return model;
}

}  // namespace

TEST_CASE("an embedding scale multiplies in f32 and rounds once", "[reference]") {
  CHECK(run(model_of({{1.0078125, -3}}, 0.3), "x", {0}) ==
        std::vector<double>{bf16(f32(1.0078125) * 0.3f), bf16(-3.0f * 0.3f)});
}

TEST_CASE("the three norm contracts round twice, once, and not at all", "[reference]") {
  MemorySink sink;
  const std::vector<double> llama = run(norm_model("rmsnorm/llama", DType::bf16), "n.out", {0}, sink);
  const std::vector<double> olmo = run(norm_model("rmsnorm/olmo", DType::bf16), "n.out", {0});
  const std::vector<double> wide = run(norm_model("rmsnorm/f32", DType::f32), "n.out", {0});
  const float rstd = f32(sink.at("n.rstd").view().at(0));
  CHECK(std::abs(rstd - 1.0 / std::sqrt(7.5 + 1e-6)) <= 2 * ulp(DType::f32, 0.36));  // mean of 1, 4, 9, 16 is 7.5
  const std::vector<float> x = {1, 2, 3, 4}, w = {1.296875f, 0.7109375f, 96.5f, 3.0f};
  for (size_t i = 0; i < x.size(); ++i) {
    const float n32 = x[i] * rstd;
    CHECK(llama[i] == bf16(w[i] * f32(bf16(n32))));
    CHECK(olmo[i] == bf16(w[i] * n32));
    CHECK(wide[i] == w[i] * n32);
  }
  CHECK(llama != olmo);
}

TEST_CASE("a linear op after rmsnorm/f32 multiplies in f32 and rounds once", "[reference]") {
  Model model = norm_model("rmsnorm/f32", DType::f32);
  model.parameters["m"] = Tensor::from_values(DType::bf16, {1, 4}, std::vector<double>{0, 1, 0, 0});
  model.graph.ops.push_back({"y", OpKind::linear, -1, {"n.out"}, {"m"}, {}, "linear/f32acc", {tap("y")}});
  MemorySink sink;
  const std::vector<double> y = run(model, "y", {0}, sink);
  CHECK(y == std::vector<double>{bf16(sink.at("n.out").view().at(1))});
}

TEST_CASE("rope turns halves or neighbours, rounding thrice or once", "[reference]") {
  struct Row {
    std::string contract, pairing;
    DType table;
  };
  const auto row = GENERATE(values<Row>({{"rope/neox-t", "half", DType::bf16},
                                         {"rope/neox-t", "interleaved", DType::bf16},
                                         {"rope/neox-f32", "half", DType::f32},
                                         {"rope/interleaved-f32", "interleaved", DType::f32}}));
  CAPTURE(row.contract, row.pairing);
  Model model = model_of({{9, 9, 9, 9}, {1, 2, 3, 5}});
  model.graph.ops.push_back({"t",
                             OpKind::rope_table,
                             -1,
                             {"positions"},
                             {},
                             {{"theta", 100.0}, {"head_dim", int64_t{4}}},
                             "rope-table/f32",
                             {tap("cos", row.table), tap("sin", row.table)}});
  append(model, "h", OpKind::split_heads, {"x"}, {{"heads", int64_t{1}}}, "layout/copy");
  append(model, "r", OpKind::rope, {"h", "cos", "sin"}, {{"pairing", row.pairing}}, row.contract);
  MemorySink sink;
  const std::vector<double> all = run(model, "r", {0, 1}, sink);
  // Position 1, theta 100, D 4: angles 1 and 1/10. Half pairs (0,2) and (1,3); interleaved pairs (0,1) and (2,3).
  const bool half = row.pairing == "half", once = row.contract != "rope/neox-t";
  const std::vector<float> x = {1, 2, 3, 5};
  const std::vector<float> rotated = half ? std::vector<float>{-3, -5, 1, 2} : std::vector<float>{-2, 1, -5, 3};
  const std::vector<double> angle = half ? std::vector<double>{1, 0.1, 1, 0.1} : std::vector<double>{1, 1, 0.1, 0.1};
  for (size_t i = 0; i < 4; ++i) {
    const auto held = [&](double value) { return f32(row.table == DType::bf16 ? bf16(f32(value)) : value); };
    const float direct = x[i] * held(std::cos(angle[i])), turned = rotated[i] * held(std::sin(angle[i]));
    const double expected = once ? bf16(direct + turned) : bf16(f32(bf16(direct)) + f32(bf16(turned)));
    CHECK(all[4 + i] == expected);
  }
}

TEST_CASE("the mask offset lets so many future keys in", "[reference]") {
  const int64_t offset = GENERATE(-1, 0, 1);
  Model model = model_of({{1}});
  append(model, "h", OpKind::split_heads, {"x"}, {{"heads", int64_t{1}}}, "layout/copy");
  append(model, "s", OpKind::attn_scores, {"h", "h"}, {{"kv_map", "block"}}, "attention/eager");
  append(model, "m", OpKind::causal_mask, {"s"}, {{"offset", offset}}, "attention/eager");
  const std::vector<double> masked = run(model, "m", {0, 0, 0});
  for (int64_t query = 0; query < 3; ++query)
    for (int64_t key = 0; key < 3; ++key) {
      const double expected = key <= query + offset ? 1.0 : bf16(1.0 - max_finite(DType::bf16));
      CHECK(masked[static_cast<size_t>(query * 3 + key)] == expected);
    }
}

TEST_CASE("a sliding window holds so many keys, a token's own the newest, also with a cache", "[reference]") {
  const int64_t window = GENERATE(1, 2, 3, 9);
  Model model = model_of({{1}});
  append(model, "h", OpKind::split_heads, {"x"}, {{"heads", int64_t{1}}}, "layout/copy");
  append(model, "k", OpKind::kv_append, {"h"}, {}, "layout/copy");
  append(model, "s", OpKind::attn_scores, {"h", "k"}, {{"kv_map", "block"}}, "attention/eager");
  append(model, "m", OpKind::causal_mask, {"s"}, {{"offset", int64_t{0}}, {"window", window}}, "attention/eager");
  const auto backend = make_torch_backend(model);
  MemorySink sink;
  Step step;
  for (const int64_t tokens : {3, 1, 2}) {
    step.tokens.assign(static_cast<size_t>(tokens), 0);
    backend->forward(step, sink);
    const std::vector<double> masked = to_values(sink.at("m").view());
    const int64_t first = step.first_position, keys = first + tokens;
    REQUIRE(masked.size() == static_cast<size_t>(tokens * keys));
    for (int64_t token = 0; token < tokens; ++token)
      for (int64_t key = 0; key < keys; ++key) {
        const int64_t back = first + token - key;  // how far the key lies behind the query
        const double expected = back >= 0 && back < window ? 1.0 : bf16(1.0 - max_finite(DType::bf16));
        CHECK(masked[static_cast<size_t>(token * keys + key)] == expected);
      }
    ++step.index;
    step.first_position += tokens;
  }
}

TEST_CASE("query heads read their key head in blocks or in turn", "[reference]") {
  const auto [map, expected] = GENERATE(table<std::string, std::vector<double>>(
      {{"block", {2, 2, 8, 8}}, {"modulo", {2, 8, 2, 8}}}));  // q is 1 in every head; k is 2 in head 0, 8 in head 1
  Model model = model_of({{1, 1, 1, 1}});
  model.parameters["keys"] = Tensor::from_values(DType::bf16, {1, 2}, std::vector<double>{2, 8});
  model.graph.ops.push_back(
      {"k", OpKind::embedding, -1, {"tokens"}, {"keys"}, {{"scale", 1.0}}, "embedding/copy", {tap("k")}});
  append(model, "qh", OpKind::split_heads, {"x"}, {{"heads", int64_t{4}}}, "layout/copy");
  append(model, "kh", OpKind::split_heads, {"k"}, {{"heads", int64_t{2}}}, "layout/copy");
  append(model, "s", OpKind::attn_scores, {"qh", "kh"}, {{"kv_map", map}}, "attention/eager");
  CHECK(run(model, "s", {0}) == expected);
}

TEST_CASE("the cache grows by step and a new step 0 forgets it", "[reference]") {
  Model model = model_of({{1, 2}, {3, 4}});
  append(model, "h", OpKind::split_heads, {"x"}, {{"heads", int64_t{1}}}, "layout/copy");
  append(model, "c", OpKind::kv_append, {"h"}, {}, "layout/copy");
  const auto backend = make_torch_backend(model);
  MemorySink sink;
  backend->forward({.index = 0, .first_position = 0, .tokens = {0}}, sink);
  backend->forward({.index = 1, .first_position = 1, .tokens = {1}}, sink);
  CHECK(to_values(sink.at("c").view()) == std::vector<double>{1, 2, 3, 4});
  CHECK(to_values(sink.at("positions").view()) == std::vector<double>{1});
  backend->forward({.index = 0, .first_position = 0, .tokens = {1}}, sink);
  CHECK(to_values(sink.at("c").view()) == std::vector<double>{3, 4});
  CHECK(has(message([&] { backend->forward({.index = 2, .first_position = 2, .tokens = {1}}, sink); }),
            {"expected  step 1 at position 1"}));
  CHECK(has(message([&] { backend->forward({.index = 1, .first_position = 1, .tokens = {2}}, sink); }),
            {"token id 2", "vocabulary of 2"}));
}

TEST_CASE("what the reference does not know is refused by the op's name", "[reference]") {
  Model model = model_of({{1, 2}});
  append(model, "layer.0.mlp.act", OpKind::silu, {"x"}, {}, "silu/f32");
  CHECK(refusal(model) == "none");
  Op& op = model.graph.ops.back();
  op.contract = "silu/table";
  CHECK(has(refusal(model), {"'layer.0.mlp.act'", "silu/table"}));
  op.contract = "silu/f32";
  op.attributes["limit"] = 7.0;
  CHECK(has(refusal(model), {"'layer.0.mlp.act'", "limit"}));
  op.attributes.clear();
  op.inputs.push_back("x");
  CHECK(has(refusal(model), {"'layer.0.mlp.act'", "2, needs 1"}));
  op.inputs.pop_back();
  model.parameters.clear();
  CHECK(has(refusal(model), {"'x'", "'table'"}));
  CHECK(has(message([&] { make_torch_backend(model_of({{1}}), {.device = "tpu", .threads = 1}); }), {"tpu"}));
}

TEST_CASE("a tap declared in another format than computed is an error, not a conversion", "[reference]") {
  Model model = model_of({{1, 2}});
  append(model, "a", OpKind::add, {"x", "x"}, {}, "add/rounded");
  model.graph.ops.back().outputs[0].dtype = DType::f32;
  CHECK(has(message([&] { run(model, "a", {0}); }), {"'a'", "declared  f32", "computed  bf16"}));
}

TEST_CASE("next_token is the likeliest of the last row alone, and steps may follow it") {
  const Model model = model_of({{1, 5, 2}, {7, 0, 3}, {0, 1, 9}});
  const auto backend = make_torch_backend(model);
  CHECK(backend->next_token({.index = 0, .first_position = 0, .tokens = {1, 2, 0}}) == 1);
  CHECK(backend->next_token({.index = 1, .first_position = 3, .tokens = {1}}) == 0);
  CHECK(has(message([&] { backend->next_token({.index = 3, .first_position = 4, .tokens = {1}}); }),
            {"does not follow"}));
}

}  // namespace plumbline::test
