// SPDX-License-Identifier: Apache-2.0
// Variant `exact` reads x once: shown by a tap that overwrites x behind the statistic. The kernel with two reads then
// races with itself by intent, so the thread sanitizer's build leaves this file out.
#include <cmath>

#include "kernel/rmsnorm_qkv/overwriting.h"
#include "kernel/rmsnorm_qkv/problem.h"

namespace plumbline::test {
namespace {

/// The outputs that the first column of blocks has: all of q, if a block has as many columns.
std::vector<bf16> q_while_x_is_overwritten(const Problem& problem, bool one_pass) {
  Array<bf16> x(problem.x.values());
  std::vector<Array<bf16>> y;
  twin::RmsNormQkvArgs args{{x.data(), problem.weight.data(), problem.rows, problem.depth, 1e-6f},
                            NormRounding::two,
                            {},
                            Operands::as_given,
                            one_pass};
  for (size_t i = 0; i < 3; ++i) {
    y.emplace_back(size_t(problem.rows * kColumns[i]));
    args.projections[i] = {problem.w[i].data(), nullptr, y[i].data(), kColumns[i]};
  }
  twin::rmsnorm_qkv_overwriting_x(args, x.data(), 256);  // tiles of 128 columns, q has 100
  CHECK(x.values().front().bits == 0x7FFF);
  return y[0].values();
}

}  // namespace

TEST_CASE("one pass reads x once: what is overwritten behind the statistic changes no bit, unlike with two",
          "[kernel]") {
  const Problem problem(16, 96, 32);
  const Result expected = run_fused(problem, NormRounding::two, false, 256, false);
  require_same_bits(expected.y[0], q_while_x_is_overwritten(problem, true), "q from one pass");
  const std::vector<bf16> twice = q_while_x_is_overwritten(problem, false);
  for (const bf16 value : twice) CHECK(std::isnan(widen(value)));
}

}  // namespace plumbline::test
