// SPDX-License-Identifier: Apache-2.0
// What bounds cost: every op of a 28-layer model with 64 tokens, evaluated without them and with them, side by side on
// one core. A benchmark, not a test: it checks nothing.
#include <cmath>
#include <cstdio>
#include <ctime>

#include "trial/cases.h"

using namespace plumbline;
using namespace plumbline::trial;

namespace {

constexpr int64_t kTokens = 64, kHidden = 128, kHeads = 4, kGroups = 2, kWidth = 128, kInner = 64;

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

/// Processor time: other work on the machine does not count.
double seconds_of(const Case& c, const char* contract, bool bounds) {
  EvaluateOptions options;
  options.bounds = bounds;
  const std::clock_t start = std::clock();
  evaluate(c.op, find_contract(contract), c.in, DType::bf16, options);
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

struct Seconds {
  double plain = 0.0, bounded = 0.0;
};

void print(const std::string& name, const Seconds& spent) {
  std::printf("%-14s %8.3f %8.3f %6.2f\n", name.c_str(), spent.plain, spent.bounded,
              spent.plain > 0.0 ? spent.bounded / spent.plain : 0.0);
}

}  // namespace

int main() {
  Generator generator(28);
  const std::vector<std::pair<Case, const char*>> layer = one_layer(generator);
  std::map<OpKind, Seconds> seconds;
  Seconds total;
  for (int i = 0; i < 28; ++i) {
    for (const auto& [c, contract] : layer) {
      const Seconds one{seconds_of(c, contract, false), seconds_of(c, contract, true)};
      for (Seconds* sum : {&seconds[c.op.kind], &total}) {
        sum->plain += one.plain;
        sum->bounded += one.bounded;
      }
    }
  }
  std::printf("28 layers, 64 tokens, seconds without bounds, with them, ratio\n");
  for (const auto& [kind, spent] : seconds) print(std::string(op_kind_name(kind)), spent);
  print("all", total);
}
