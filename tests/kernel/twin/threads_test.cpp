// SPDX-License-Identifier: Apache-2.0
// The bits of a tensor-core GEMM are the same for any number of host threads and any order of CUDA threads, and equal a
// plain chain of steps.
#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "cuda/twin/mma_step.h"
#include "cuda/twin/options.h"
#include "support/catch.h"
#include "support/thread_limit.h"
#include "tests/kernel/twin/test_kernels.h"

using namespace plumbline::twin;
using namespace plumbline::twin::testing;

namespace {

std::vector<uint16_t> random_bf16(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint16_t> values(count);
  // Sign, exponent within +-16 of 1, any fraction.
  for (auto& v : values) v = uint16_t((random() & 0x807Fu) | (111u + random() % 33u) << 7);
  return values;
}

// The contract, element by element.
float chain(const std::vector<uint16_t>& a, const std::vector<uint16_t>& b, int row, int column, int k) {
  float sum = 0.0f;
  for (int step = 0; step < k; step += 16) {
    uint16_t x[16] = {}, y[16] = {};
    const size_t count = size_t(std::min(16, k - step));
    std::copy_n(&a[size_t(row * k + step)], count, x);
    std::copy_n(&b[size_t(column * k + step)], count, y);
    sum = mma_dot(x, 1, y, sum);
  }
  return sum;
}

}  // namespace

TEST_CASE("a GEMM's bits do not depend on host threads or order, at ragged sizes") {
  const int m = 37, n = 51, k = 83;
  const auto a = random_bf16(size_t(m * k), 1), b = random_bf16(size_t(n * k), 2);
  std::vector<float> expected(size_t(m * n));
  for (int r = 0; r < m; ++r) {
    for (int c = 0; c < n; ++c) expected[size_t(r * n + c)] = chain(a, b, r, c, k);
  }
  for (const int threads : {1, 2, 3, 8}) {
    for (const auto order : {ScheduleOrder::forward, ScheduleOrder::reverse, ScheduleOrder::seeded}) {
      CAPTURE(threads, int(order));
      TwinOptions options;
      options.threads = threads;
      options.order = order;
      set_twin_options(options);
      std::vector<float> actual(expected.size(), -1.0f);
      gemm(a.data(), b.data(), actual.data(), m, n, k);
      CHECK(std::memcmp(actual.data(), expected.data(), expected.size() * sizeof(float)) == 0);
    }
  }
  set_twin_options({});
}

TEST_CASE("where the system grants no more threads, those that started give the same bits") {
  const int m = 37, n = 51, k = 83;
  const auto a = random_bf16(size_t(m * k), 1), b = random_bf16(size_t(n * k), 2);
  std::vector<float> alone(size_t(m * n)), crowded(size_t(m * n), -1.0f);
  set_twin_threads(1);
  gemm(a.data(), b.data(), alone.data(), m, n, k);
  const plumbline::test::ThreadLimit limit(2);
  set_twin_threads(64);
  gemm(a.data(), b.data(), crowded.data(), m, n, k);
  CHECK(limit.refused() == 1);
  CHECK(std::memcmp(alone.data(), crowded.data(), alone.size() * sizeof(float)) == 0);
  set_twin_options({});
}
