// SPDX-License-Identifier: Apache-2.0
// The mean by more lanes than a warp has, and the GPU's rsqrt, against plain loops, bit for bit.
#include "cuda/rmsnorm/rmsnorm.h"
#include "kernel/support/arrays.h"
#include "kernel/support/host_math.h"
#include "support/catch.h"

namespace plumbline::test {
namespace {

using twin::Arithmetic;

/// The mean of squares of one row, shared by `lanes`.
float mean_by_lanes(const bf16* x, int columns, int lanes) {
  std::vector<float> slots(size_t(lanes) * 4, 0.0f), sums;
  for (int c = 0; c < columns; ++c) slots[size_t(c % (4 * lanes))] += widen(x[c]) * widen(x[c]);
  for (size_t lane = 0; lane < size_t(lanes); ++lane)
    sums.push_back(((slots[4 * lane] + slots[4 * lane + 1]) + slots[4 * lane + 2]) + slots[4 * lane + 3]);
  for (size_t half = sums.size() / 2; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  }
  return sums[0] * (1.0f / float(columns));
}

}  // namespace

TEST_CASE("rmsnorm shares its mean among as many lanes as it is told", "[kernel]") {
  constexpr int kRows = 3;
  for (const int columns : {128, 1000, 1024, 2048}) {
    Random random{uint64_t(columns)};
    const auto x = random.bf16s(size_t(kRows * columns), 4.0f), weight = random.bf16s(size_t(columns), 2.0f);
    for (const int lanes : {32, 64, 128, 256}) {
      const Array<bf16> x_array(x), weight_array(weight);
      Array<bf16> y(x.size());
      Array<float> var(kRows), rstd(kRows);
      twin::RecordTap tap;
      tap.slots[twin::NormTap::kVar] = var.data();
      tap.slots[twin::NormTap::kRstd] = rstd.data();
      twin::rmsnorm({.x = x_array.data(),
                     .weight = weight_array.data(),
                     .y = y.data(),
                     .rows = kRows,
                     .columns = columns,
                     .eps = 1e-6f,
                     .rounding = twin::NormRounding::two,
                     .arithmetic = Arithmetic::torch_sm90,
                     .mean_lanes = lanes},
                    &tap, 128, nullptr);
      std::vector<float> expected_var, expected_rstd;
      for (int row = 0; row < kRows; ++row) {
        expected_var.push_back(mean_by_lanes(x.data() + row * columns, columns, lanes));
        expected_rstd.push_back(twin::special_rsqrt(expected_var.back() + 1e-6f));
      }
      const std::string what = std::to_string(columns) + " columns, " + std::to_string(lanes) + " lanes";
      require_same_bits(expected_var, var.values(), what + ", var");
      require_same_bits(expected_rstd, rstd.values(), what + ", rstd");
    }
  }
}

}  // namespace plumbline::test
