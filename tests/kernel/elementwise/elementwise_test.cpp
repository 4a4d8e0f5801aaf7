// SPDX-License-Identifier: Apache-2.0
// add, multiply and silu over bf16 bit patterns, against f64.
#include "cuda/elementwise/elementwise.h"

#include <plumbline/error.h>
#include <cmath>

#include "kernel/support/arrays.h"
#include "kernel/support/host_math.h"

namespace plumbline::test {
namespace {

using twin::ElementwiseOp;

std::vector<bf16> all_patterns() {
  std::vector<bf16> patterns(65536);
  for (size_t i = 0; i < patterns.size(); ++i) patterns[i].bits = uint16_t(i);
  return patterns;
}

std::vector<bf16> run(ElementwiseOp op, const std::vector<bf16>& a, const std::vector<bf16>& b, int threads = 128) {
  const Array<bf16> a_array(a), b_array(b);
  Array<bf16> y(a.size());
  twin::elementwise(op,
                    {a_array.data(), op == ElementwiseOp::silu ? nullptr : b_array.data(), y.data(), int64_t(a.size())},
                    threads, nullptr);
  return y.values();
}

/// The exact result, rounded once.
bf16 once(double value) {
  if (std::isnan(value)) return {0x7FFF};
  return {uint16_t(std::bit_cast<uint32_t>(float(round_to(DType::bf16, value))) >> 16)};
}

}  // namespace

TEST_CASE("add and multiply are the exact result rounded once, for bit patterns of every kind", "[kernel]") {
  const std::vector<bf16> a = all_patterns();
  std::vector<bf16> b = a;
  Random random(41);
  for (size_t i = b.size() - 1; i > 0; --i) std::swap(b[i], b[random.next() % (i + 1)]);
  const std::vector<bf16> sums = run(ElementwiseOp::add, a, b), products = run(ElementwiseOp::multiply, a, b);
  std::vector<bf16> expected_sums, expected_products;
  for (size_t i = 0; i < a.size(); ++i) {
    expected_sums.push_back(once(double(widen(a[i])) + double(widen(b[i]))));
    expected_products.push_back(once(double(widen(a[i])) * double(widen(b[i]))));
  }
  require_same_bits(expected_sums, sums, "add");
  require_same_bits(expected_products, products, "multiply");
}

TEST_CASE("silu is within one ulp of the exact value for every input, and almost always nearest", "[kernel]") {
  const std::vector<bf16> x = all_patterns(), y = run(ElementwiseOp::silu, x, {});
  int not_nearest = 0;
  double largest = 0.0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double value = widen(x[i]);
    if (is_nan(x[i]) || value == -INFINITY) {
      CHECK(y[i].bits == 0x7FFF);
      continue;
    }
    if (value == INFINITY) {
      CHECK(y[i].bits == 0x7F80);
      continue;
    }
    // exp(-x) leaves f32's range below -88.7: the kernel's quotient is -0 there, and the exact value below 2^-120.
    if (value < -88.0) {
      CHECK(std::abs(widen(y[i])) < 0x1p-118f);
      continue;
    }
    const double exact = value / (1.0 + std::exp(-value));
    not_nearest += y[i].bits != once(exact).bits;
    largest = std::max(largest, std::abs(double(widen(y[i])) - exact) / ulp(DType::bf16, exact));
  }
  INFO("largest error " << largest << " ulp, not nearest " << not_nearest);
  CHECK(largest < 0.51);
  CHECK(not_nearest < 20);
}

TEST_CASE("elementwise gives the same bits for any block size and covers ragged ends", "[kernel]") {
  Random random(42);
  for (const size_t count : {size_t(1), size_t(127), size_t(129)}) {
    const auto a = random.bf16s(count), b = random.bf16s(count);
    for (const ElementwiseOp op : {ElementwiseOp::add, ElementwiseOp::multiply, ElementwiseOp::silu}) {
      require_same_bits(run(op, a, b, 128), run(op, a, b, 32), "block of 32");
    }
  }
  CHECK_THROWS_AS(twin::elementwise(ElementwiseOp::add, {nullptr, nullptr, nullptr, 1}, 128, nullptr), BackendError);
}

}  // namespace plumbline::test
