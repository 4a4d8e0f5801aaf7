// SPDX-License-Identifier: Apache-2.0
// The end's cycle comes from the Z array of the reversed sequence: how far it agrees with itself shifted by p.
#include "core/repetition.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

namespace plumbline {
namespace {

/// matched[p]: how many tokens from the end on equal the token p before them (Gusfield 1997, 1.4).
std::vector<int64_t> matches_from_the_end(std::span<const int64_t> tokens) {
  const auto count = static_cast<int64_t>(tokens.size());
  const auto at = [&](int64_t i) { return tokens[static_cast<size_t>(count - 1 - i)]; };
  std::vector<int64_t> matched(tokens.size(), 0);
  for (int64_t p = 1, left = 0, right = 0; p < count; ++p) {
    int64_t& length = matched[static_cast<size_t>(p)];
    if (p < right) length = std::min(right - p, matched[static_cast<size_t>(p - left)]);
    while (p + length < count && at(length) == at(p + length)) ++length;
    if (p + length > right) {
      left = p;
      right = p + length;
    }
  }
  return matched;
}

void count_grams(std::span<const int64_t> tokens, Repetition& repetition) {
  using Gram = std::array<int64_t, Repetition::kGram>;
  std::set<Gram> distinct;
  for (size_t first = 0; first + Repetition::kGram <= tokens.size(); ++first) {
    Gram gram{};
    std::copy_n(tokens.begin() + static_cast<std::ptrdiff_t>(first), gram.size(), gram.begin());
    ++repetition.grams;
    if (!distinct.insert(gram).second) ++repetition.seen_before;
  }
}

}  // namespace

Repetition repetition_of(std::span<const int64_t> tokens) {
  Repetition repetition;
  repetition.tokens = static_cast<int64_t>(tokens.size());
  count_grams(tokens, repetition);
  const std::vector<int64_t> matched = matches_from_the_end(tokens);
  for (int64_t p = 1; p * Repetition::kLeastRound <= repetition.tokens; ++p) {
    const int64_t tail = p + matched[static_cast<size_t>(p)];
    if (tail < std::max(p * Repetition::kLeastRound, Repetition::kLeastTail) || tail <= repetition.tail) continue;
    repetition.period = p;
    repetition.tail = tail;
  }
  return repetition;
}

std::span<const int64_t> cycle_of(std::span<const int64_t> tokens, const Repetition& repetition) {
  return tokens.last(static_cast<size_t>(repetition.tail)).first(static_cast<size_t>(repetition.period));
}

std::string repetition_text(const Repetition& repetition, const std::string& cycle) {
  const std::string grams = repetition.grams == 0
                                ? fmt::format("too short for {}-grams", Repetition::kGram)
                                : fmt::format("{} of {} {}-grams came before ({:.0f} %)", repetition.seen_before,
                                              repetition.grams, Repetition::kGram, 100.0 * repetition.share());
  if (repetition.one_token()) return fmt::format("one token only, {} times: {}; {}", repetition.tokens, cycle, grams);
  if (repetition.period > 0)
    return fmt::format("the last {} of {} tokens repeat with period {}: {}; {}", repetition.tail, repetition.tokens,
                       repetition.period, cycle, grams);
  return "no cycle at the end; " + grams;
}

}  // namespace plumbline
