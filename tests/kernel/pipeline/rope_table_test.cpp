// SPDX-License-Identifier: Apache-2.0
// The rope table against long double, at every rounding that its contract declares.
#include "cuda/pipeline/rope_table.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <plumbline/error.h>

#include "support/catch.h"

namespace plumbline::test {
namespace {

float f32_at(const Tensor& tensor, int64_t index) { return static_cast<float>(tensor.view().at(index)); }

}  // namespace

TEST_CASE("each entry of the rope table is its f32 operands' result, rounded once", "[kernel]") {
  for (const double theta : {1e4, 1e6}) {
    for (const int64_t dim : {2, 10, 64, 128}) {
      const int64_t first = 1000, tokens = 3, half = dim / 2;
      const RopeTable table = make_rope_table(theta, dim, first, tokens);
      for (int64_t i = 0; i < half; ++i) {
        const float exponent = static_cast<float>(2 * i) / static_cast<float>(dim);
        const float power = static_cast<float>(
            std::pow(static_cast<long double>(static_cast<float>(theta)), static_cast<long double>(exponent)));
        CHECK(f32_at(table.inv_freq, i) == 1.0f / power);
      }
      for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t c = 0; c < dim; ++c) {
          const float angle = f32_at(table.freqs, t * half + c % half);
          CHECK(angle == static_cast<float>(first + t) * f32_at(table.inv_freq, c % half));
          const float cos32 = static_cast<float>(std::cos(static_cast<long double>(angle)));
          const float sin32 = static_cast<float>(std::sin(static_cast<long double>(angle)));
          CHECK(f32_at(table.cos32, t * dim + c) == cos32);
          CHECK(f32_at(table.sin32, t * dim + c) == sin32);
          CHECK(table.cos.view().at(t * dim + c) == round_to(DType::bf16, cos32));
          CHECK(table.sin.view().at(t * dim + c) == round_to(DType::bf16, sin32));
        }
      }
    }
  }
}

TEST_CASE("llama3 scaling keeps, blends and divides the frequencies of its three bands", "[kernel]") {
  // Llama-3.2-1B: head_dim 64, theta 5e5, factor 32. Wavelength 2 pi 5e5^(i/32) passes 8192 / 4 behind pair 14 and 8192
  // behind pair 17.
  const RopeTable plain = make_rope_table(5e5, 64, 0, 1);
  const RopeTable scaled = make_rope_table(5e5, 64, 0, 1, RopeScaling{32.0, 1.0, 4.0, 8192.0});
  double largest = 0.0;
  for (int64_t i = 0; i < 32; ++i) {
    INFO("pair " << i);
    const float before = f32_at(plain.inv_freq, i), after = f32_at(scaled.inv_freq, i);
    if (i <= 14) CHECK(after == before);
    if (i >= 18) CHECK(after == before / 32.0f);
    if (i <= 14 || i >= 18) continue;
    const long double turns = 8192.0L * static_cast<long double>(before) / (2.0L * 3.14159265358979323846L);
    const long double weight = (turns - 1.0L) / 3.0L;
    const long double exact = (1.0L - weight) * static_cast<long double>(before) / 32.0L + weight * before;
    CHECK(after > before / 32.0f);
    CHECK(after < before);
    largest = std::max(largest, static_cast<double>(std::fabs(static_cast<long double>(after) - exact) / exact));
  }
  INFO("largest relative error " << largest);
  CHECK(largest < 16 * 0x1p-24);  // a dozen roundings, the weight's swollen by the difference that it is
}

TEST_CASE("a row of the rope table depends on its position alone", "[kernel]") {
  const RopeTable all = make_rope_table(1e6, 32, 0, 20), last = make_rope_table(1e6, 32, 19, 1);
  const size_t row = 32 * element_bytes(DType::bf16);
  CHECK(std::memcmp(all.cos.data() + 19 * row, last.cos.data(), row) == 0);
  CHECK(std::memcmp(all.sin.data() + 19 * row, last.sin.data(), row) == 0);
  for (int64_t c = 0; c < 32; ++c) {
    CHECK(all.cos.view().at(c) == 1.0);
    CHECK(all.sin.view().at(c) == 0.0);
  }
}

TEST_CASE("the rope table refuses an odd head_dim and no tokens", "[kernel]") {
  CHECK_THROWS_AS(make_rope_table(1e4, 7, 0, 1), BackendError);
  CHECK_THROWS_AS(make_rope_table(1e4, 8, 0, 0), BackendError);
}

}  // namespace plumbline::test
