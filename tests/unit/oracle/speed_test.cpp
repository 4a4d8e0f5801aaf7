// SPDX-License-Identifier: Apache-2.0
// Judging a whole trace must be cheap: every op of a 28-layer model with 64 tokens, bounds included, on one core.
#include <cmath>
#include <cstdio>
#include <ctime>

#include "cases.h"
#include "support/catch.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

constexpr int64_t kTokens = 64, kHidden = 128, kHeads = 4, kGroups = 2, kWidth = 128, kInner = 64, kVocab = 320;

Case with(OpKind kind, Attributes attributes, std::vector<Array> inputs, std::vector<Array> parameters = {}) {
  Case c;
  c.op = make_op(kind, std::move(attributes), kind == OpKind::rope_table ? 2 : 1);
  c.in.inputs = std::move(inputs);
  c.in.parameters = std::move(parameters);
  return c;
}

std::vector<std::pair<Case, const char*>> one_layer(Generator& g) {
  const auto values = [&](Shape shape) { return g.array(Data::normal, std::move(shape)); };
  const auto linear = [&](int64_t in, int64_t out) {
    return with(OpKind::linear, {}, {values({1, kTokens, in})}, {values({out, in})});
  };
  const auto norm = [&](int64_t heads, int64_t width) {
    return with(OpKind::rmsnorm, {{"eps", 1e-6}, {"heads", heads}},
                {values({1, kTokens, std::max<int64_t>(heads, 1) * width})}, {values({width})});
  };
  const auto rope = [&](int64_t heads) {
    return with(OpKind::rope, {{"pairing", std::string("half")}},
                {values({1, heads, kTokens, kWidth}), values({1, kTokens, kWidth}), values({1, kTokens, kWidth})});
  };
  const auto split = [&](int64_t heads) {
    return with(OpKind::split_heads, {{"heads", heads}}, {values({1, kTokens, heads * kWidth})});
  };
  const auto append = [&] { return with(OpKind::kv_append, {}, {values({1, kGroups, kTokens, kWidth})}); };
  const Shape scores{1, kHeads, kTokens, kTokens}, heads{1, kHeads, kTokens, kWidth},
      groups{1, kGroups, kTokens, kWidth};
  const Attributes block = {{"kv_map", std::string("block")}};
  const Shape hidden{1, kTokens, kHidden}, inner{1, kTokens, kInner};
  std::vector<std::pair<Case, const char*>> ops;
  ops.emplace_back(norm(0, kHidden), "rmsnorm/llama");
  ops.emplace_back(linear(kHidden, kHeads * kWidth), "linear/f32acc");
  for (int i = 0; i < 2; ++i) ops.emplace_back(linear(kHidden, kGroups * kWidth), "linear/f32acc");
  ops.emplace_back(norm(kHeads, kWidth), "rmsnorm/llama");
  ops.emplace_back(norm(kGroups, kWidth), "rmsnorm/llama");
  for (const int64_t n : {kHeads, kGroups, kGroups}) ops.emplace_back(split(n), "layout/copy");
  for (const int64_t n : {kHeads, kGroups}) ops.emplace_back(rope(n), "rope/neox-t");
  for (int i = 0; i < 2; ++i) ops.emplace_back(append(), "layout/copy");
  ops.emplace_back(with(OpKind::attn_scores, block, {values(heads), values(groups)}), "attention/eager");
  ops.emplace_back(with(OpKind::scale, {{"factor", std::sqrt(1.0 / kWidth)}}, {values(scores)}), "attention/eager");
  ops.emplace_back(with(OpKind::causal_mask, {{"offset", int64_t{0}}}, {values(scores)}), "attention/eager");
  ops.emplace_back(with(OpKind::softmax, {}, {values(scores)}), "attention/eager");
  ops.emplace_back(with(OpKind::attn_context, block, {values(scores), values(groups)}), "attention/eager");
  ops.emplace_back(with(OpKind::merge_heads, {}, {values(heads)}), "layout/copy");
  ops.emplace_back(linear(kHeads * kWidth, kHidden), "linear/f32acc");
  ops.emplace_back(norm(0, kHidden), "rmsnorm/llama");
  for (int i = 0; i < 2; ++i) ops.emplace_back(linear(kHidden, kInner), "linear/f32acc");
  ops.emplace_back(with(OpKind::silu, {}, {values(inner)}), "silu/f32");
  ops.emplace_back(with(OpKind::multiply, {}, {values(inner), values(inner)}), "multiply/rounded");
  ops.emplace_back(linear(kInner, kHidden), "linear/f32acc");
  for (int i = 0; i < 2; ++i) ops.emplace_back(with(OpKind::add, {}, {values(hidden), values(hidden)}), "add/rounded");
  return ops;
}

}  // namespace

TEST_CASE("all ops of 28 layers at 64 tokens are evaluated, bounds included, in under a second on one core") {
  Generator generator(28);
  const std::vector<std::pair<Case, const char*>> layer = one_layer(generator);
  const Case logits = with(OpKind::linear, {}, {generator.array(Data::normal, {1, kTokens, kHidden})},
                           {generator.array(Data::normal, {kVocab, kHidden})});
  std::map<OpKind, double> seconds;
  int64_t elements = 0;
  const auto timed = [&](const Case& c, const char* contract) {
    const std::clock_t start = std::clock();  // processor time: other work on the machine does not count
    const std::vector<Evaluated> outputs = evaluate(c.op, find_contract(contract), c.in, DType::bf16);
    seconds[c.op.kind] += static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    for (const Evaluated& output : outputs) elements += static_cast<int64_t>(output.rounded.size());
  };
  for (int i = 0; i < 28; ++i)
    for (const auto& [c, contract] : layer) timed(c, contract);
  timed(logits, "linear/f32acc");
  double total = 0.0;
  for (const auto& [kind, spent] : seconds) {
    std::printf("  %-12s %.3f s\n", std::string(op_kind_name(kind)).c_str(), spent);
    total += spent;
  }
  std::printf("28 layers, %lld elements: %.3f s on one core\n", static_cast<long long>(elements), total);
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(total < 1.0);
#endif
  CHECK(elements > 10'000'000);
}
