// SPDX-License-Identifier: Apache-2.0
// Variant `exact`: the bits of the kernel that reads x twice, from one read.
#include <plumbline/error.h>

#include "cuda/twin/options.h"
#include "kernel/rmsnorm_qkv/problem.h"
#include "support/error_text.h"

namespace plumbline::test {
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
