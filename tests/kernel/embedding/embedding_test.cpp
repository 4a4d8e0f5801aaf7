// SPDX-License-Identifier: Apache-2.0
// embedding copies rows bit for bit, or scales them with one rounding.
#include "cuda/embedding/embedding.h"

#include <plumbline/error.h>

#include "kernel/support/arrays.h"
#include "kernel/support/host_math.h"

namespace plumbline::test {
namespace {

std::vector<bf16> run(const std::vector<int64_t>& tokens, const std::vector<bf16>& table, int columns, float scale,
                      int threads) {
  const Array<int64_t> ids(tokens);
  const Array<bf16> rows(table);
  Array<bf16> y(tokens.size() * size_t(columns));
  twin::embedding({ids.data(), rows.data(), y.data(), int(tokens.size()), columns, scale}, threads, nullptr);
  return y.values();
}

}  // namespace

TEST_CASE("embedding copies rows bit for bit, NaN payloads too, and scales with one rounding", "[kernel]") {
  const std::vector<int64_t> tokens = {3, 0, 0, 6, 1};
  for (const int columns : {1, 33, 130}) {
    Random random(51);
    auto table = random.bf16s(size_t(7 * columns));
    table[size_t(3 * columns)] = bf16{0xFFA7};
    std::vector<bf16> copied, scaled;
    const float scale = 0.088388346f;
    for (const int64_t token : tokens) {
      for (int c = 0; c < columns; ++c) {
        copied.push_back(table[size_t(token * columns + c)]);
        scaled.push_back(rounded(widen(copied.back()) * scale));
      }
    }
    for (const int threads : {32, 128}) {
      require_same_bits(copied, run(tokens, table, columns, 1.0f, threads), "copy");
      require_same_bits(scaled, run(tokens, table, columns, scale, threads), "scale");
    }
  }
}

TEST_CASE("embedding refuses a null table and no columns", "[kernel]") {
  Array<int64_t> ids(std::vector<int64_t>{0});
  Array<bf16> y(size_t(8));
  CHECK_THROWS_AS(twin::embedding({ids.data(), nullptr, y.data(), 1, 8, 1.0f}, 128, nullptr), BackendError);
  CHECK_THROWS_AS(twin::embedding({ids.data(), y.data(), y.data(), 1, 0, 1.0f}, 128, nullptr), BackendError);
}

}  // namespace plumbline::test
