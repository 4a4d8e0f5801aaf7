// SPDX-License-Identifier: Apache-2.0
// Launches that are recorded run when they are asked to, as often as they are, with the arguments of the recording.
#include "cuda/common/launch_graph.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "support/catch.h"
#include "tests/kernel/twin/test_kernels.h"

using namespace plumbline::twin;
using namespace plumbline::twin::testing;

namespace {

constexpr int kThreads = 64;

std::vector<float> counted_from(float first) {
  std::vector<float> values(kThreads);
  for (float& value : values) value = first++;
  return values;
}

}  // namespace

TEST_CASE("nothing runs while launches are recorded; a replay runs them in order on the memory that they name") {
  std::vector<float> in = counted_from(0), between(kThreads, -1.0f), out(kThreads, -1.0f);
  const LaunchGraph graph([&](Stream) {
    const float* const from = in.data();  // gone before the first replay: its value is kept
    reverse_by_barrier(from, between.data(), 1, kThreads);
    reverse_by_barrier(between.data(), out.data(), 1, kThreads);
  });
  CHECK(out == std::vector<float>(kThreads, -1.0f));
  for (const float first : {0.0f, 1000.0f, -7.0f}) {
    std::ranges::copy(counted_from(first), in.begin());
    graph.replay({});
    CHECK(out == in);
    CHECK(between.front() == in.back());
  }
}

TEST_CASE("a recording that fails is over") {
  std::vector<float> in = counted_from(3), out(kThreads, -1.0f);
  CHECK_THROWS_WITH(LaunchGraph([&](Stream) {
                      reverse_by_barrier(in.data(), out.data(), 1, kThreads);
                      throw std::runtime_error("refused");
                    }),
                    "refused");
  CHECK(out.front() == -1.0f);
  reverse_by_barrier(in.data(), out.data(), 1, kThreads);
  CHECK(out.front() == in.back());
}
