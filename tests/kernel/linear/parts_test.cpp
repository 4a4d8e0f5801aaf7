// SPDX-License-Identifier: Apache-2.0
// A product in parts of k: one chain each, added in order, bit for bit.
#include "cuda/linear/linear.h"
#include "kernel/support/arrays.h"
#include "kernel/support/host_math.h"
#include "support/catch.h"

#include <plumbline/error.h>

namespace plumbline::test {
namespace {

constexpr int kRows = 3, kColumns = 20;

std::vector<bf16> run(const std::vector<bf16>& x, const std::vector<bf16>& weight, int depth, int part) {
  const Array<bf16> x_array(x), weight_array(weight);
  Array<bf16> y(kRows * kColumns);
  twin::linear({.x = x_array.data(),
                .x_is_f32 = false,
                .weight = weight_array.data(),
                .bias = nullptr,
                .residual = nullptr,
                .y = y.data(),
                .rows = kRows,
                .columns = kColumns,
                .depth = depth,
                .part_depth = part},
               nullptr, 64, nullptr);
  return y.values();
}

}  // namespace

TEST_CASE("linear sums k in the parts that it is told", "[kernel]") {
  for (const int depth : {96, 100, 160, 256}) {
    Random random{uint64_t(depth)};
    const auto x = random.bf16s(size_t(kRows * depth)), weight = random.bf16s(size_t(kColumns * depth));
    for (const int part : {16, 48, 80, 128}) {
      std::vector<bf16> expected;
      for (int i = 0; i < kRows * kColumns; ++i) {
        const bf16 *row = x.data() + i / kColumns * depth, *column = weight.data() + i % kColumns * depth;
        float sum = chain(row, column, std::min(part, depth));
        for (int k = part; k < depth; k += part) sum += chain(row + k, column + k, std::min(part, depth - k));
        expected.push_back(rounded(sum));
      }
      require_same_bits(expected, run(x, weight, depth, part),
                        "depth " + std::to_string(depth) + " in parts of " + std::to_string(part));
    }
  }
  const std::vector<bf16> x(kRows * 64), weight(kColumns * 64);
  CHECK_THROWS_AS(run(x, weight, 64, 24), BackendError);
}

}  // namespace plumbline::test
