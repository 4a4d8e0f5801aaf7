// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <stdexcept>
#include <vector>

#include "core/parallel.h"
#include "support/catch.h"
#include "support/thread_limit.h"

using namespace plumbline;

TEST_CASE("every piece runs exactly once on any number of threads", "[core]") {
  const int threads = GENERATE(0, 1, 2, 7);
  std::vector<std::atomic<int>> runs(1000);
  parallel_for(1000, threads, [&](int64_t i) { ++runs[static_cast<size_t>(i)]; });
  for (const auto& count : runs) REQUIRE(count == 1);
}

TEST_CASE("the first exception of a piece reaches the caller", "[core]") {
  CHECK_THROWS_AS(parallel_for(100, 4,
                               [](int64_t i) {
                                 if (i == 17) throw std::runtime_error("piece 17");
                               }),
                  std::runtime_error);
  parallel_for(0, 4, [](int64_t) { FAIL("no piece to run"); });
}

TEST_CASE("where the system grants no more threads, those that started do the work", "[core]") {
  const int granted = GENERATE(0, 3);
  std::vector<std::atomic<int>> runs(1000);
  const test::ThreadLimit limit(granted);
  parallel_for(1000, 500, [&](int64_t i) { ++runs[static_cast<size_t>(i)]; });
  CHECK(limit.refused() == 1);
  for (const auto& count : runs) REQUIRE(count == 1);
}
