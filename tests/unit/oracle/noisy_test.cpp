// SPDX-License-Identifier: Apache-2.0
// A drawn implementation is a right one (no gate accuses it), its error has the size that theory gives, and the same
// draw gives the same bits whoever asks.
#include "oracle/noisy.h"

#include <cmath>
#include <cstdio>

#include "oracle/judge.h"
#include "support/catch.h"
#include "trial/cases.h"

using namespace plumbline;
using namespace plumbline::trial;

namespace {

/// All but those that only copy.
constexpr OpKind kKinds[] = {OpKind::rope_table,   OpKind::rmsnorm,  OpKind::linear,      OpKind::rope,
                             OpKind::attn_scores,  OpKind::scale,    OpKind::causal_mask, OpKind::softmax,
                             OpKind::attn_context, OpKind::add,      OpKind::silu,        OpKind::multiply,
                             OpKind::softcap,      OpKind::gelu_tanh};

struct Tally {
  int64_t elements = 0, moved = 0;
  double expected = 0.0;
};

void judge_draw(const Case& c, const Contract& contract, const Draw& draw, Tally& tally) {
  const std::vector<Evaluated> oracle = evaluate(c.op, contract, c.in, c.model);
  const std::vector<Evaluated> drawn = evaluate_noisy(c.op, contract, c.in, c.model, draw);
  REQUIRE(drawn.size() == oracle.size());
  for (size_t i = 0; i < oracle.size(); ++i) {
    const Tensor stored = Tensor::from_values(drawn[i].dtype, drawn[i].exact.shape, drawn[i].rounded);
    const Judgement j = judge(oracle[i], stored.view());
    INFO(contract.name << " " << op_kind_name(c.op.kind) << " run " << draw.run << ": gate " << gate_name(j.failed)
                       << ", ratio " << j.worst_ratio << ", mismatches " << j.mismatches << ", expected "
                       << j.expected_mismatches);
    CHECK(j.failed == Gate::none);
    if (oracle[i].bitwise) CHECK(j.mismatches == 0);
    tally.elements += j.count;
    tally.moved += j.mismatches;
    tally.expected += j.expected_mismatches;
  }
}

/// [rows, columns] of numbers between -1 and 1.
Array uniform(Generator& generator, Shape shape) { return generator.array(Data::normal, std::move(shape)); }

struct Chain {
  Op first = make_op(OpKind::linear, {}), second = make_op(OpKind::linear, {});
  OpInputs x;
  Array weight;
  const Contract& contract = find_contract("linear/f32out");

  OpInputs next(const Evaluated& result) const {
    OpInputs in;
    in.inputs = {{result.exact.shape, result.rounded}};
    in.parameters = {weight};
    return in;
  }
};

Chain random_chain() {
  Generator generator(7);
  Chain chain;
  chain.first.name = "first";
  chain.second.name = "second";
  chain.x.inputs = {uniform(generator, {1, 4, 256})};
  chain.x.parameters = {uniform(generator, {96, 256})};
  chain.weight = uniform(generator, {64, 96});
  return chain;
}

/// Theory: sigma^2 of the second sum is its own plus sum over k of (w_ik sigma_k)^2.
std::vector<double> chain_sigma(const Chain& chain, const Evaluated& first, const Evaluated& second) {
  std::vector<double> sigma(second.sigma.size());
  for (size_t row = 0; row < 4; ++row) {
    for (size_t i = 0; i < 64; ++i) {
      double square = second.sigma[row * 64 + i] * second.sigma[row * 64 + i];
      for (size_t k = 0; k < 96; ++k)
        square += std::pow(chain.weight.values[i * 96 + k] * first.sigma[row * 96 + k], 2);
      sigma[row * 64 + i] = std::sqrt(square);
    }
  }
  return sigma;
}

}  // namespace

TEST_CASE("a drawn implementation of any op under any contract passes every gate", "[threads]") {
  for (const OpKind kind : kKinds) {
    Tally tally;
    Generator generator(40 + static_cast<uint64_t>(kind));
    for (const Contract* contract : contracts_for(kind)) {
      for (const Data data : kData) {
        const Case c = random_case(kind, data, generator);
        for (int64_t run = 0; run < 3; ++run) judge_draw(c, *contract, {11, run}, tally);
      }
    }
    std::printf("%-14s %7lld elements, moved %lld, expected %.2f\n", std::string(op_kind_name(kind)).c_str(),
                static_cast<long long>(tally.elements), static_cast<long long>(tally.moved), tally.expected);
    if (tally.expected > 40.0) CHECK(static_cast<double>(tally.moved) > 0.2 * tally.expected);
  }
}

TEST_CASE("the error of two drawn sums in a row has the size that theory gives") {
  const Chain chain = random_chain();
  const Evaluated first = evaluate(chain.first, chain.contract, chain.x, DType::bf16)[0];
  const Evaluated second = evaluate(chain.second, chain.contract, chain.next(first), DType::bf16)[0];
  const std::vector<double> sigma = chain_sigma(chain, first, second);
  constexpr int kRuns = 20;
  double sum = 0.0;
  for (int64_t run = 0; run < kRuns; ++run) {
    const Draw draw{3, run};
    const Evaluated drawn = evaluate_noisy(chain.first, chain.contract, chain.x, DType::bf16, draw)[0];
    const Evaluated end = evaluate_noisy(chain.second, chain.contract, chain.next(drawn), DType::bf16, draw)[0];
    for (size_t i = 0; i < sigma.size(); ++i)
      sum += std::pow((end.exact.values[i] - second.exact.values[i]) / sigma[i], 2);
  }
  // Mean of 20 * 256 squares of unit normals: 1 +- sqrt(2 / 5120); rows share first-stage draws, so a few times that.
  const double mean = sum / (kRuns * static_cast<double>(sigma.size()));
  std::printf("two sums: (measured / theory)^2 = %.4f over %d runs, seed 3\n", mean, kRuns);
  CHECK(std::fabs(mean - 1.0) < 5.0 * std::sqrt(2.0 / (kRuns * static_cast<double>(sigma.size()))));
}

TEST_CASE("the same draw gives the same bits on any number of threads, another run others") {
  const Chain chain = random_chain();
  const auto values = [&](const Draw& draw, int threads) {
    return evaluate_noisy(chain.first, chain.contract, chain.x, DType::bf16, draw, {.threads = threads})[0].rounded;
  };
  const std::vector<double> once = values({5, 2}, 1);
  CHECK(values({5, 2}, 3) == once);
  CHECK(values({5, 3}, 1) != once);
  CHECK(values({6, 2}, 1) != once);
}
