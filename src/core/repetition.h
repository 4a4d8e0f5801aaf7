// SPDX-License-Identifier: Apache-2.0
// How far a sequence of tokens repeats itself: the share of its n-grams that came before, and the cycle in which it
// ends. Invariant: a function of the ids alone; what a token reads as is left to others.
#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace plumbline {

/// Counted on tokens, so that "ukeukeuke" has period 3 where a token is a byte and 1 where "uke" is one token.
struct Repetition {
  static constexpr int64_t kGram = 4;        ///< tokens of an n-gram, as in seq-rep-4 of Welleck et al. 2020
  static constexpr int64_t kLeastRound = 3;  ///< a cycle is one only if the end holds it three times over,
  static constexpr int64_t kLeastTail = 6;   ///< and in six tokens at least: "aa" and "ababa" are words

  int64_t tokens = 0;
  int64_t grams = 0, seen_before = 0;  ///< n-grams, and those of them that began earlier in the sequence too
  int64_t period = 0;                  ///< tokens of the cycle at the end; 0: it ends in none
  int64_t tail = 0;                    ///< tokens at the end that keep to it, the first round included

  double share() const { return grams == 0 ? 0.0 : static_cast<double>(seen_before) / static_cast<double>(grams); }
  /// Nothing but one token.
  bool one_token() const { return period == 1 && tail == tokens; }
};

/// Of all periods that the end repeats, the one whose tail is longest; the shortest of equal ones. Time and memory
/// grow with the number of tokens alone.
Repetition repetition_of(std::span<const int64_t> tokens);

/// One round of the cycle at the end, as it first occurs there; empty if there is none.
std::span<const int64_t> cycle_of(std::span<const int64_t> tokens, const Repetition& repetition);

/// "ends in 9 tokens of period 3: \"uke\"; ...": one line. `cycle` is one round, as it is to be shown.
std::string repetition_text(const Repetition& repetition, const std::string& cycle);

}  // namespace plumbline
