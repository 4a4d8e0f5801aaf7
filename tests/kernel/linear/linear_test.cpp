// SPDX-License-Identifier: Apache-2.0
// linear against one chain per output, bit for bit, around every tile edge.
#include "cuda/linear/linear.h"

#include <plumbline/error.h>
#include <limits>

#include "kernel/support/arrays.h"
#include "kernel/support/host_math.h"

namespace plumbline::test {
namespace {

struct Problem {
  int rows, columns, depth;
  std::vector<bf16> x, weight, bias, residual;
  std::vector<float> x32;

  Problem(int m, int n, int k, uint64_t seed) : rows(m), columns(n), depth(k) {
    Random random(seed);
    x = random.bf16s(size_t(m * k));
    x32 = random.floats(size_t(m * k));
    weight = random.bf16s(size_t(n * k), 0.3f);
    bias = random.bf16s(size_t(n), 3.0f);
    residual = random.bf16s(size_t(m * n), 5.0f);
  }
};

struct Mode {
  const char* name;
  bool f32, bias, residual;
};
constexpr Mode kModes[] = {{"plain", false, false, false},          {"bias", false, true, false},
                           {"residual", false, false, true},        {"bias and residual", false, true, true},
                           {"f32 activations", true, false, false}, {"f32 activations, bias", true, true, false}};

struct Result {
  std::vector<bf16> y, product;
};

Result expect(const Problem& p, const Mode& mode) {
  Result result;
  for (int m = 0; m < p.rows; ++m) {
    for (int n = 0; n < p.columns; ++n) {
      const bf16* w = p.weight.data() + n * p.depth;
      float sum =
          mode.f32 ? fma_chain(p.x32.data() + m * p.depth, w, p.depth) : chain(p.x.data() + m * p.depth, w, p.depth);
      if (mode.bias) sum += widen(p.bias[size_t(n)]);
      result.product.push_back(rounded(sum));
      const float residual = widen(p.residual[size_t(m * p.columns + n)]);
      result.y.push_back(mode.residual ? rounded(residual + widen(result.product.back())) : result.product.back());
    }
  }
  return result;
}

Result run(const Problem& p, const Mode& mode, int threads, bool taps) {
  const Array<bf16> x(p.x), weight(p.weight), bias(p.bias), residual(p.residual);
  const Array<float> x32(p.x32);
  Array<bf16> y(size_t(p.rows * p.columns)), product(size_t(p.rows * p.columns));
  twin::RecordTap tap;
  tap.slots[twin::LinearTap::kProduct] = product.data();
  twin::linear({.x = mode.f32 ? static_cast<const void*>(x32.data()) : x.data(),
                .x_is_f32 = mode.f32,
                .weight = weight.data(),
                .bias = mode.bias ? bias.data() : nullptr,
                .residual = mode.residual ? residual.data() : nullptr,
                .y = y.data(),
                .rows = p.rows,
                .columns = p.columns,
                .depth = p.depth},
               taps ? &tap : nullptr, threads, nullptr);
  return {y.values(), product.values()};
}

}  // namespace

TEST_CASE("linear equals one chain per output for ragged shapes, with and without bias and residual", "[kernel]") {
  const int shapes[][3] = {{1, 1, 1},     {1, 64, 16},  {2, 65, 17},    {15, 8, 64},  {16, 64, 64},  {17, 63, 65},
                           {33, 130, 80}, {5, 20, 200}, {16, 128, 128}, {17, 64, 64}, {65, 70, 200}, {130, 264, 72}};
  for (const auto& shape : shapes) {
    const Problem problem(shape[0], shape[1], shape[2], 11);
    for (const Mode& mode : kModes) {
      const std::string what = std::string(mode.name) + " " + std::to_string(shape[0]) + "x" +
                               std::to_string(shape[1]) + "x" + std::to_string(shape[2]);
      const Result expected = expect(problem, mode), actual = run(problem, mode, 128, true);
      require_same_bits(expected.y, actual.y, what);
      if (mode.residual) require_same_bits(expected.product, actual.product, what + ", tap");
    }
  }
}

TEST_CASE("linear gives the same bits for any block size, and with or without taps", "[kernel]") {
  const Problem problem(19, 70, 90, 12);
  for (const Mode& mode : kModes) {
    const Result expected = run(problem, mode, 128, false);
    for (const int threads : {32, 64, 256})
      require_same_bits(expected.y, run(problem, mode, threads, true).y, mode.name);
  }
}

TEST_CASE("linear keeps a row's NaN and infinity in that row", "[kernel]") {
  Problem problem(18, 20, 40, 13);
  const std::vector<bf16> clean = run(problem, kModes[0], 128, false).y;
  problem.x[3 * 40 + 7] = bf16{0x7FC1};
  problem.x[17 * 40 + 39] = bf16{0x7F80};
  const std::vector<bf16> y = run(problem, kModes[0], 128, false).y;
  for (size_t i = 0; i < y.size(); ++i) {
    if (i / 20 == 3) {
      CHECK(y[i].bits == 0x7FFF);
    } else if (i / 20 == 17) {
      CHECK((y[i].bits & 0x7FFF) == 0x7F80);
    } else {
      CHECK(y[i].bits == clean[i].bits);
    }
  }
}

TEST_CASE("linear rounds a sum past the largest bf16 to infinity", "[kernel]") {
  Problem problem(1, 1, 1, 14);
  problem.x = {bf16{0x7F7F}};
  problem.weight = {bf16{0x3F80}};
  problem.bias = {bf16{0x7F7F}};
  CHECK(run(problem, kModes[0], 32, false).y[0].bits == 0x7F7F);
  CHECK(run(problem, kModes[1], 32, false).y[0].bits == 0x7F80);
}

TEST_CASE("linear refuses arguments that no launch could use", "[kernel]") {
  Array<bf16> memory(size_t(64));
  const twin::LinearArgs good{memory.data(), false, memory.data(), nullptr, nullptr, memory.data(), 1, 1, 1};
  twin::LinearArgs args = good;
  args.weight = nullptr;
  CHECK_THROWS_AS(twin::linear(args, nullptr, 128, nullptr), BackendError);
  args = good;
  args.depth = 0;
  CHECK_THROWS_AS(twin::linear(args, nullptr, 128, nullptr), BackendError);
  CHECK_THROWS_AS(twin::linear(good, nullptr, 100, nullptr), BackendError);
  args = good;
  args.rows = 0;
  CHECK_NOTHROW(twin::linear(args, nullptr, 128, nullptr));
}

}  // namespace plumbline::test
