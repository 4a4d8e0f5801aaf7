// SPDX-License-Identifier: Apache-2.0
// A product in parts of k: one chain each, added in order, bit for bit.
#include "cuda/linear/linear.h"
#include "kernel/support/arrays.h"
#include "kernel/support/host_math.h"
#include "support/catch.h"

#include <plumbline/error.h>

namespace plumbline::test {
namespace {

constexpr int kColumns = 20;

std::vector<bf16> run(int rows, const std::vector<bf16>& x, const std::vector<bf16>& weight, int depth, int part) {
  const Array<bf16> x_array(x), weight_array(weight);
  Array<bf16> y(size_t(rows * kColumns));
  twin::linear({.x = x_array.data(),
                .x_is_f32 = false,
                .weight = weight_array.data(),
                .bias = nullptr,
                .residual = nullptr,
                .y = y.data(),
                .rows = rows,
                .columns = kColumns,
                .depth = depth,
                .part_depth = part},
               nullptr, 64, nullptr);
  return y.values();
}

}  // namespace

TEST_CASE("linear sums k in the parts that it is told") {
  const auto [rows, depth] =
      GENERATE(table<int, int>({{3, 96}, {3, 100}, {3, 160}, {3, 256}, {20, 160}, {20, 256}, {40, 200}, {20, 100}}));
  Random random{uint64_t(depth)};
  const auto x = random.bf16s(size_t(rows * depth)), weight = random.bf16s(size_t(kColumns * depth));
  for (const int part : {16, 48, 64, 80, 128}) {
    std::vector<bf16> expected;
    for (int i = 0; i < rows * kColumns; ++i) {
      const bf16 *row = x.data() + i / kColumns * depth, *column = weight.data() + i % kColumns * depth;
      float sum = chain(row, column, std::min(part, depth));
      for (int k = part; k < depth; k += part) sum += chain(row + k, column + k, std::min(part, depth - k));
      expected.push_back(rounded(sum));
    }
    require_same_bits(
        expected, run(rows, x, weight, depth, part),
        std::to_string(rows) + " rows, depth " + std::to_string(depth) + " in parts of " + std::to_string(part));
  }
}

TEST_CASE("linear refuses parts that are no whole tensor-core steps") {
  const std::vector<bf16> x(3 * 64), weight(kColumns * 64);
  CHECK_THROWS_AS(run(3, x, weight, 64, 24), BackendError);
}

}  // namespace plumbline::test
