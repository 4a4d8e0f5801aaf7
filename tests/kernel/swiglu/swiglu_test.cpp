// SPDX-License-Identifier: Apache-2.0
// The fused kernel against its parts (which are tested on their own against plain loops), bit for bit.
#include "cuda/swiglu/swiglu.h"

#include "cuda/elementwise/elementwise.h"
#include "cuda/linear/linear.h"
#include "cuda/rmsnorm/rmsnorm.h"
#include "kernel/support/arrays.h"
#include "kernel/support/host_math.h"

namespace plumbline::test {
namespace {

using twin::NormRounding;
using twin::NormTap;
using twin::SwigluTap;

struct Problem {
  int rows, depth, columns;
  Array<bf16> x, weight, gate, up, gate_bias, up_bias;

  Problem(int m, int k, int n, uint64_t seed) : Problem(m, k, n, Random(seed)) {}

 private:
  Problem(int m, int k, int n, Random random)
      : rows(m),
        depth(k),
        columns(n),
        x(random.bf16s(size_t(m * k), 3.0f)),
        weight(random.bf16s(size_t(k))),
        gate(random.bf16s(size_t(n * k), 0.3f)),
        up(random.bf16s(size_t(n * k), 0.3f)),
        gate_bias(random.bf16s(size_t(n))),
        up_bias(random.bf16s(size_t(n))) {}
};

struct Result {
  std::vector<bf16> y, gate, up, act, norm_out;
  std::vector<float> rstd;
};

Result run_fused(const Problem& p, NormRounding rounding, bool bias, int threads, bool taps) {
  const size_t count = size_t(p.rows * p.columns);
  Array<bf16> y(count), gate(count), up(count), act(count), norm_out(size_t(p.rows * p.depth));
  Array<float> rstd{size_t(p.rows)};
  twin::RecordTap tap;
  tap.slots[NormTap::kRstd] = rstd.data();
  if (rounding != NormRounding::none) tap.slots[NormTap::kOut] = norm_out.data();
  tap.slots[SwigluTap::kGate] = gate.data();
  tap.slots[SwigluTap::kUp] = up.data();
  tap.slots[SwigluTap::kAct] = act.data();
  Array<bf16> normed(size_t(p.rows * p.depth));
  twin::swiglu({{.x = p.x.data(),
                 .weight = p.weight.data(),
                 .rows = p.rows,
                 .columns = p.depth,
                 .eps = 1e-6f,
                 .normed = normed.data()},
                rounding,
                p.gate.data(),
                p.up.data(),
                bias ? p.gate_bias.data() : nullptr,
                bias ? p.up_bias.data() : nullptr,
                y.data(),
                p.columns},
               taps ? &tap : nullptr, threads, nullptr);
  return {y.values(), gate.values(), up.values(), act.values(), norm_out.values(), rstd.values()};
}

Result run_parts(const Problem& p, NormRounding rounding, bool bias) {
  const size_t count = size_t(p.rows * p.columns), inputs = size_t(p.rows * p.depth);
  const bool f32 = rounding == NormRounding::none;
  Array<bf16> y(count), gate(count), up(count), act(count), norm_out(inputs);
  Array<float> norm_out32(inputs), rstd{size_t(p.rows)};
  twin::RecordTap tap;
  tap.slots[NormTap::kRstd] = rstd.data();
  void* normed = f32 ? static_cast<void*>(norm_out32.data()) : norm_out.data();
  twin::rmsnorm({p.x.data(), p.weight.data(), normed, p.rows, p.depth, 1e-6f, rounding}, &tap, 128, nullptr);
  twin::linear({normed, f32, p.gate.data(), bias ? p.gate_bias.data() : nullptr, nullptr, gate.data(), p.rows,
                p.columns, p.depth},
               nullptr, 128, nullptr);
  twin::linear(
      {normed, f32, p.up.data(), bias ? p.up_bias.data() : nullptr, nullptr, up.data(), p.rows, p.columns, p.depth},
      nullptr, 128, nullptr);
  twin::elementwise(twin::ElementwiseOp::silu, {gate.data(), nullptr, act.data(), int64_t(count)}, 128, nullptr);
  twin::elementwise(twin::ElementwiseOp::multiply, {act.data(), up.data(), y.data(), int64_t(count)}, 128, nullptr);
  return {y.values(), gate.values(), up.values(), act.values(), norm_out.values(), rstd.values()};
}

constexpr NormRounding kRoundings[] = {NormRounding::two, NormRounding::one, NormRounding::none};

}  // namespace

TEST_CASE("swiglu equals rmsnorm, two linear, silu and multiply, taps included", "[kernel]") {
  const int shapes[][3] = {{1, 64, 64}, {17, 100, 70}, {16, 33, 129}, {17, 72, 70}, {67, 136, 129}};
  for (const auto& shape : shapes) {
    const Problem problem(shape[0], shape[1], shape[2], 31);
    for (const NormRounding rounding : kRoundings) {
      for (const bool bias : {false, true}) {
        const Result expected = run_parts(problem, rounding, bias),
                     actual = run_fused(problem, rounding, bias, 128, true);
        require_same_bits(expected.gate, actual.gate, "gate");
        require_same_bits(expected.up, actual.up, "up");
        require_same_bits(expected.act, actual.act, "act");
        require_same_bits(expected.y, actual.y, "y");
        require_same_bits(expected.rstd, actual.rstd, "rstd");
        if (rounding != NormRounding::none) require_same_bits(expected.norm_out, actual.norm_out, "norm");
      }
    }
  }
}

TEST_CASE("swiglu gives the same bits for any block size and with or without taps", "[kernel]") {
  const Problem problem(20, 80, 90, 32);
  for (const NormRounding rounding : kRoundings) {
    const Result expected = run_fused(problem, rounding, false, 128, false);
    for (const int threads : {32, 256})
      require_same_bits(expected.y, run_fused(problem, rounding, false, threads, true).y, "y");
  }
}

}  // namespace plumbline::test
