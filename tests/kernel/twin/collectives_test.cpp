// SPDX-License-Identifier: Apache-2.0
// Barriers, shuffles, votes, reductions and indices give what CUDA's guide says, in any order of threads.
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "cuda/twin/options.h"
#include "support/catch.h"
#include "tests/kernel/twin/test_kernels.h"

using namespace plumbline::twin;
using namespace plumbline::twin::testing;

namespace {

std::vector<float> counting(size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 1.0f);
  return values;
}

struct InOrder {
  explicit InOrder(ScheduleOrder order) {
    TwinOptions options;
    options.order = order;
    set_twin_options(options);
  }
  ~InOrder() { set_twin_options({}); }
};

}  // namespace

TEST_CASE("a barrier lets every thread see what all others wrote, in any order of threads") {
  const InOrder order(GENERATE(ScheduleOrder::forward, ScheduleOrder::reverse, ScheduleOrder::seeded));
  const int threads = GENERATE(1, 31, 32, 33, 200, 1024);
  const int blocks = 5;
  const auto in = counting(size_t(blocks * threads));
  std::vector<float> out(in.size());
  reverse_by_barrier(in.data(), out.data(), blocks, threads);
  for (int b = 0; b < blocks; ++b) {
    for (int t = 0; t < threads; ++t)
      REQUIRE(out[size_t(b * threads + t)] == in[size_t(b * threads + threads - 1 - t)]);
  }
}

TEST_CASE("shuffles read the lane that CUDA's guide names") {
  const InOrder order(GENERATE(ScheduleOrder::forward, ScheduleOrder::reverse, ScheduleOrder::seeded));
  const auto in = counting(64);
  std::vector<float> out(6 * 64);
  shuffle_every_way(in.data(), out.data());
  for (int t = 0; t < 64; ++t) {
    const int lane = t % 32, first = t - lane;
    const int expected[6] = {first + 3,                             // index
                             lane >= 1 ? t - 1 : t,                 // up: own value where there is no such lane
                             lane + 2 < 32 ? t + 2 : t,             // down
                             first + (lane ^ 5),                    // butterfly
                             lane % 8 >= 1 ? t - 1 : t,             // up inside segments of 8
                             t % 2 == 0 ? first + (lane ^ 2) : t};  // butterfly among half of the lanes
    for (int kind = 0; kind < 6; ++kind) {
      CAPTURE(t, kind);
      REQUIRE(out[size_t(kind * 64 + t)] == in[size_t(expected[kind])]);
    }
  }
}

TEST_CASE("votes collect the predicates of the lanes in the mask") {
  uint32_t out[5] = {};
  vote_every_way(out);
  CHECK(out[0] == 0xAAAAAAAAu);
  CHECK(out[1] == 1u);           // one lane is enough
  CHECK(out[2] == 0u);           // lane 31 refuses
  CHECK(out[3] == 0x0000000Fu);  // lanes 0..3 of the lower half
  CHECK(out[4] == 0xF0000000u);  // lanes 28..31 of the upper half
}

TEST_CASE("a block's sum follows the declared tree, and its maximum ignores order") {
  std::vector<float> in(2 * 256);
  for (size_t i = 0; i < in.size(); ++i) in[i] = std::ldexp(float(i * 2654435761u % 1000003u), int(i % 40) - 20);
  std::vector<float> out(4);
  sum_and_max(in.data(), out.data(), 2);
  for (size_t b = 0; b < 2; ++b) {
    float partial[8];
    for (size_t warp = 0; warp < 8; ++warp) {
      float lanes[32];
      std::memcpy(lanes, &in[b * 256 + warp * 32], sizeof lanes);
      for (int distance = 16; distance > 0; distance /= 2) {
        for (int lane = 0; lane < distance; ++lane) lanes[lane] = lanes[lane] + lanes[lane + distance];
      }
      partial[warp] = lanes[0];
    }
    float sum = partial[0];
    for (int warp = 1; warp < 8; ++warp) sum += partial[warp];
    CHECK(out[2 * b] == sum);
    CHECK(out[2 * b + 1] == *std::max_element(&in[b * 256], &in[b * 256] + 256));
  }
}

TEST_CASE("every thread of every block sees its own indices") {
  const dim3 grid(3, 2, 2), block(5, 3, 4);
  const unsigned threads = 60, blocks = 12;
  std::vector<uint32_t> out(threads * blocks, 0xFFFFFFFFu);
  thread_coordinates(out.data(), grid, block);
  for (unsigned b = 0; b < blocks; ++b) {
    for (unsigned t = 0; t < threads; ++t) {
      const uint32_t expected = b / 6 << 24 | b / 3 % 2 << 20 | b % 3 << 16 | t / 15 << 12 | t / 5 % 3 << 8 | t % 5;
      REQUIRE(out[b * threads + t] == expected);
    }
  }
}
