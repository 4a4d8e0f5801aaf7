// SPDX-License-Identifier: Apache-2.0
// add, multiply, activations and soft caps over bf16 bit patterns, against f64.
#include "cuda/elementwise/elementwise.h"

#include <plumbline/error.h>
#include <cmath>

#include "cuda/softcap/softcap.h"
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
  twin::elementwise(op, {a_array.data(), b.empty() ? nullptr : b_array.data(), y.data(), int64_t(a.size())}, threads,
                    nullptr);
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

TEST_CASE("gelu_tanh is near the exact value for every input, and almost always nearest where it does not cancel",
          "[kernel]") {
  const std::vector<bf16> x = all_patterns(), y = run(ElementwiseOp::gelu_tanh, x, {});
  int not_nearest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double value = widen(x[i]);
    if (is_nan(x[i]) || value == -INFINITY) {
      CHECK(y[i].bits == 0x7FFF);
      continue;
    }
    const double bent = std::tanh(0.7978845608028653559 * value * (1.0 + 0.044715 * value * value));
    const double exact = value == INFINITY ? value : 0.5 * value * (1.0 + bent);
    if (value > -2.0) {
      not_nearest += y[i].bits != once(exact).bits;
    } else {  // 1 + tanh is off by what tanh is off beside one
      CHECK(std::abs(double(widen(y[i])) - exact) <= 0.5 * ulp(DType::bf16, exact) + std::abs(value) * 0x1p-23);
    }
  }
  INFO("not nearest " << not_nearest);
  CHECK(not_nearest < 20);
}

TEST_CASE("softcap rounds its quotient, its tangent and its product, for every input and several caps", "[kernel]") {
  std::vector<bf16> some;
  for (size_t i = 0; i < 65536; i += 17) some.push_back({uint16_t(i)});
  for (const float cap : {33.3f, 50.0f, 30.0f, 0.7f}) {
    const std::vector<bf16> x = cap == 33.3f ? all_patterns() : some;
    const Array<bf16> from(x);
    Array<bf16> y(x.size());
    twin::softcap({from.data(), y.data(), int64_t(x.size()), cap}, nullptr, 128, nullptr);
    int not_nearest = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const bf16 actual = y.values()[i];
      if (is_nan(x[i])) {
        CHECK(actual.bits == 0x7FFF);
        continue;
      }
      const bf16 quotient = once(double(widen(x[i])) / double(cap)), bent = once(std::tanh(double(widen(quotient))));
      not_nearest += actual.bits != once(double(widen(bent)) * double(cap)).bits;
    }
    INFO("cap " << cap << ", not nearest " << not_nearest);
    CHECK(not_nearest < 64);  // quotient and tangent are rounded to f32 on their way
  }
}

TEST_CASE("elementwise gives the same bits for any block size and covers ragged ends", "[kernel]") {
  Random random(42);
  for (const size_t count : {size_t(1), size_t(127), size_t(129)}) {
    const auto a = random.bf16s(count), b = random.bf16s(count);
    for (const ElementwiseOp op : {ElementwiseOp::add, ElementwiseOp::multiply})
      require_same_bits(run(op, a, b, 128), run(op, a, b, 32), "block of 32");
    for (const ElementwiseOp op : {ElementwiseOp::silu, ElementwiseOp::gelu_tanh})
      require_same_bits(run(op, a, {}, 128), run(op, a, {}, 32), "block of 32");
  }
  CHECK_THROWS_AS(twin::elementwise(ElementwiseOp::add, {nullptr, nullptr, nullptr, 1}, 128, nullptr), BackendError);
}

}  // namespace plumbline::test
