// SPDX-License-Identifier: Apache-2.0
// Sequences whose repetition is plain to see, and random ones against a search that tries everything.
#include "core/repetition.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "support/catch.h"

namespace plumbline {
namespace {

std::vector<int64_t> bytes(std::string_view text) { return {text.begin(), text.end()}; }

struct Cycle {
  int64_t period, tail;
  bool operator==(const Cycle&) const = default;
};

/// Every period, every length, token by token.
Cycle searched(const std::vector<int64_t>& tokens) {
  const auto count = static_cast<int64_t>(tokens.size());
  Cycle best{0, 0};
  for (int64_t period = 1; period < count; ++period) {
    int64_t tail = period;
    while (tail < count &&
           tokens[static_cast<size_t>(count - 1 - tail)] == tokens[static_cast<size_t>(count - 1 - tail + period)])
      ++tail;
    if (tail >= 3 * period && tail >= 6 && tail > best.tail) best = {period, tail};
  }
  return best;
}

}  // namespace

TEST_CASE("what repeats is recognised and named") {
  struct Row {
    const char* text;
    int64_t period, tail;
    const char* says;
  };
  const Row rows[] = {
      {"ukeukeuke", 3, 9, "the last 9 of 9 tokens repeat with period 3: uke; 3 of 6 4-grams came before (50 %)"},
      {"the ukeukeukeu", 3, 10, "the last 10 of 14 tokens repeat with period 3: uke;"},
      {"oooooooooooo", 1, 12, "one token only, 12 times: o; 8 of 9 4-grams came before (89 %)"},
      {"aeTaetaeToooooooooo", 1, 10, "the last 10 of 19 tokens repeat with period 1: o;"},
      {"ukeuke", 0, 0, "no cycle at the end; 0 of 3 4-grams came before (0 %)"},  // twice is a word, not a cycle
      {"ooooo", 0, 0, "no cycle at the end; 1 of 2"},                             // and so is a row of five
      {"to share and change it", 0, 0, "no cycle at the end; 0 of 19"},
      {"ukeukeuke.", 0, 0, "no cycle at the end; 3 of 7"},  // it has left the cycle, but had been in it
      {"abc", 0, 0, "no cycle at the end; too short for 4-grams"},
      {"", 0, 0, "no cycle at the end; too short for 4-grams"},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const std::vector<int64_t> tokens = bytes(row.text);
    const Repetition repetition = repetition_of(tokens);
    CHECK(repetition.period == row.period);
    CHECK(repetition.tail == row.tail);
    const auto cycle = cycle_of(tokens, repetition);
    const std::string text = repetition_text(repetition, std::string(cycle.begin(), cycle.end()));
    INFO(text);
    CHECK(text.starts_with(row.says));
  }
}

TEST_CASE("the longest tail wins, and of equal ones the shortest period") {
  CHECK(repetition_of(bytes("xxxxababababababab")).period == 2);  // 4 and 8 fit its 14 tokens too
  CHECK(repetition_of(bytes("aabaabaabaabaab")).period == 3);
  CHECK(repetition_of(bytes("abcabcabcccccccc")).period == 1);
}

TEST_CASE("random sequences of few tokens: as found by trying every period") {
  constexpr uint64_t kSeed = 7;
  SplitMix64 random(kSeed);
  INFO("seed " << kSeed);
  int64_t cycles = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<int64_t> tokens(random.next() % 24);
    const uint64_t kinds = 1 + random.next() % 3;
    for (int64_t& token : tokens) token = static_cast<int64_t>(random.next() % kinds);
    const Repetition repetition = repetition_of(tokens);
    const Cycle expected = searched(tokens);
    CHECK(Cycle{repetition.period, repetition.tail} == expected);
    cycles += expected.period > 0 ? 1 : 0;
  }
  CHECK(cycles > 300);
}

TEST_CASE("a hundred thousand equal tokens take no quadratic time") {
  const std::vector<int64_t> tokens(100'000, 5);
  CHECK(repetition_of(tokens).one_token());
}

}  // namespace plumbline
