// SPDX-License-Identifier: Apache-2.0
// The device's choice of a token is the host's.
#include "cuda/greedy/greedy.h"

#include <plumbline/error.h>

#include "kernel/support/arrays.h"
#include "kernel/support/host_math.h"

namespace plumbline::test {
namespace {

/// As src/run/decode.cpp has it.
int64_t by_host(const std::vector<bf16>& logits) {
  int64_t best = 0;
  float highest = -std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!(widen(logits[i]) > highest)) continue;
    highest = widen(logits[i]);
    best = int64_t(i);
  }
  return best;
}

int64_t by_device(const std::vector<bf16>& values) {
  const Array<bf16> logits(values);
  Array<twin::Candidate> candidates(twin::kGreedyBlocks);
  Array<int64_t> token(1), history(9);
  Array<int> position(std::vector<int>{6});
  twin::greedy({.logits = logits.data(),
                .count = int(values.size()),
                .candidates = candidates.data(),
                .token = token.data(),
                .position = position.data(),
                .history = history.data()},
               nullptr);
  CHECK(position.values()[0] == 7);
  CHECK(history.values()[7] == token.values()[0]);
  return token.values()[0];
}

}  // namespace

TEST_CASE("greedy chooses what the host would choose, whatever the number of logits", "[kernel]") {
  for (const int count : {1, 31, 255, 256, 257, 20000}) {
    Random random{uint64_t(count)};
    const std::vector<bf16> logits = random.bf16s(size_t(count), 3.0f);  // many equal ones among 20,000
    INFO(count << " logits");
    CHECK(by_device(logits) == by_host(logits));
  }
}

TEST_CASE("greedy takes the lowest of equal logits and never a NaN", "[kernel]") {
  const bf16 nan{0x7FC0}, one{0x3F80}, plus{0}, minus{0x8000}, low{0xFF80};
  CHECK(by_device({nan, one, nan, one}) == 1);
  CHECK(by_device({low, minus, plus}) == 1);
  CHECK(by_device({nan, nan}) == 0);
  CHECK(by_device({low, low, low}) == 0);
  std::vector<bf16> many(5000, one);
  many[0] = nan;
  CHECK(by_device(many) == 1);
}

TEST_CASE("greedy refuses no logits at all", "[kernel]") { CHECK_THROWS_AS(twin::greedy({}, nullptr), BackendError); }

}  // namespace plumbline::test
