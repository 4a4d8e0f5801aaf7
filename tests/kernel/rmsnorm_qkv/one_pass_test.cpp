// SPDX-License-Identifier: Apache-2.0
// Variant `exact`: the bits of the kernel that reads x twice, from one read.
#include <plumbline/error.h>

#include "cuda/twin/options.h"
#include "kernel/rmsnorm_qkv/overwriting.h"
#include "kernel/rmsnorm_qkv/problem.h"
#include "support/error_text.h"

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

TEST_CASE("one pass gives the bits of two on every output and tap, for any shape and block", "[kernel]") {
  const int shapes[][2] = {{1, 64}, {16, 128}, {17, 100}, {5, 31}, {40, 1}, {33, 1000}};
  for (const auto& shape : shapes) {
    const Problem problem(shape[0], shape[1], 31);
    const Result expected = run_fused(problem, NormRounding::two, true, 128, true);
    for (const int threads : {32, 128, 256}) {
      INFO("rows " << shape[0] << ", columns " << shape[1] << ", block " << threads);
      const Result actual = run_fused(problem, NormRounding::two, true, threads, true, true),
                   untapped = run_fused(problem, NormRounding::two, true, threads, false, true);
      for (int i = 0; i < 3; ++i) {
        require_same_bits(expected.y[i], actual.y[i], "projection");
        require_same_bits(expected.y[i], untapped.y[i], "projection without taps");
      }
      require_same_bits(expected.x32, actual.x32, "x32");
      require_same_bits(expected.var, actual.var, "var");
      require_same_bits(expected.rstd, actual.rstd, "rstd");
      require_same_bits(expected.n32, actual.n32, "n32");
      require_same_bits(expected.n, actual.n, "n");
      require_same_bits(expected.out, actual.out, "out");
    }
  }
}

TEST_CASE("one pass reads x once: what is overwritten behind the statistic changes no bit, unlike with two",
          "[kernel]") {
  const Problem problem(16, 96, 32);
  const Result expected = run_fused(problem, NormRounding::two, false, 256, false);
  require_same_bits(expected.y[0], q_while_x_is_overwritten(problem, true), "q from one pass");
  const std::vector<bf16> twice = q_while_x_is_overwritten(problem, false);
  for (const bf16 value : twice) CHECK(std::isnan(widen(value)));
}

TEST_CASE("one pass refuses another rounding, and rows that shared memory cannot hold", "[kernel]") {
  const Problem small(1, 64, 33);
  require_parts(error_text<BackendError>([&] { run_fused(small, NormRounding::one, false, 128, false, true); }),
                {"rmsnorm/llama only"});
  // 16 rows of 7,200 bf16 values are 225 KiB; the tiles and the statistic need another 11.4 of the 227.
  const Problem wide(1, 7200, 33);
  require_parts(error_text<BackendError>([&] { run_fused(wide, NormRounding::two, false, 128, false, true); }),
                {"do not fit", "7200", "take variant hf"});
}

}  // namespace plumbline::test
