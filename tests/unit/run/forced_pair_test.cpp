// SPDX-License-Identifier: Apache-2.0
// Two backends whose logits are known, fed the same tokens.
#include "run/forced_pair.h"

#include <cmath>
#include <limits>

#include "run/decode.h"
#include "support/catch.h"

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

/// Favours the last token plus one of four; from position `from` on one logit is `value` instead.
class Scripted final : public Backend {
 public:
  explicit Scripted(int64_t from = 1000, double value = 0.0) : from_(from), value_(value) {}
  Tensor forward(const Step& step, TapSink& sink) override {
    sink.begin_step(step);
    std::vector<double> logits(step.tokens.size() * 4, 0.0);
    for (size_t row = 0; row < step.tokens.size(); ++row) {
      logits[row * 4 + static_cast<size_t>((step.tokens[row] + 1) % 4)] = 2.0;
      if (step.first_position + static_cast<int64_t>(row) >= from_) logits[row * 4 + 3] = value_;
    }
    fed.push_back(step);
    return Tensor::from_values(DType::f32, {1, static_cast<int64_t>(step.tokens.size()), 4}, logits);
  }
  std::string description() const override { return "scripted"; }
  const OpGraph& graph() const override { return graph_; }

  std::vector<Step> fed;

 private:
  int64_t from_;
  double value_;
  OpGraph graph_;
};

ForcedComparison compared(Scripted& reference, Scripted& candidate, int64_t added) {
  ForcedPair pair(reference, candidate);
  NullSink nothing;
  decode(pair, {{{0, 1}, {2}}, added, {}}, nothing);
  return pair.comparison();
}

}  // namespace

TEST_CASE("the same choices are 0, at every position of every step", "[run]") {
  Scripted reference, candidate;
  const ForcedComparison comparison = compared(reference, candidate, 3);
  CHECK(comparison.status() == 0);
  CHECK(comparison.first_difference() == nullptr);
  REQUIRE(comparison.next.size() == 5);  // three given, and two of the three added are fed
  CHECK(comparison.fed == std::vector<int64_t>{0, 1, 2, 3, 0});
  for (size_t i = 0; i < 5; ++i) {
    CHECK(comparison.next[i].position == static_cast<int64_t>(i));
    CHECK(comparison.next[i].kl == 0.0);
    CHECK(comparison.next[i].reference.margin() == 2.0);
  }
}

TEST_CASE("another choice is 1 from its first position on, and what is fed stays the reference's", "[run]") {
  Scripted reference, candidate(3, 5.0);
  const ForcedComparison comparison = compared(reference, candidate, 4);
  CHECK(comparison.status() == 1);
  REQUIRE(comparison.first_difference() != nullptr);
  CHECK(comparison.first_difference()->position == 3);
  CHECK(comparison.first_difference()->candidate.best == 3);
  CHECK(comparison.first_difference()->candidate.margin() == 3.0);
  // p of (2, 0, 0, 0) against q of (2, 0, 0, 5)
  const double e2 = std::exp(2.0), e5 = std::exp(5.0), p = e2 / (e2 + 3), o = 1 / (e2 + 3), z = e2 + 2 + e5;
  CHECK(comparison.first_difference()->kl ==
        Approx(p * std::log(p / (e2 / z)) + 2 * o * std::log(o * z) + o * std::log(o / (e5 / z))));
  REQUIRE(candidate.fed.size() == reference.fed.size());
  for (size_t i = 0; i < candidate.fed.size(); ++i) CHECK(candidate.fed[i].tokens == reference.fed[i].tokens);
}

TEST_CASE("a smaller difference that moves no choice is 0, with its divergence", "[run]") {
  Scripted reference, candidate(0, 0.5);
  const ForcedComparison comparison = compared(reference, candidate, 0);
  CHECK(comparison.next.front().kl > 0.0);
  CHECK(comparison.first_difference() == nullptr);
  CHECK(comparison.status() == 0);
}

TEST_CASE("broken logits are 1 in the candidate, 3 in the reference; nothing compared is 3", "[run]") {
  for (const double value : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    Scripted sound, broken(1, value), other(1, value);
    const ForcedComparison candidate = compared(sound, broken, 0), reference = compared(other, sound, 0);
    CHECK(candidate.candidate_broken == 2);
    CHECK(candidate.reference_broken == 0);
    CHECK(candidate.status() == 1);
    CHECK(std::isnan(candidate.next.back().kl));
    CHECK(reference.reference_broken == 2);
    CHECK(reference.status() == 3);
  }
  CHECK(ForcedComparison{}.status() == 3);
}

}  // namespace plumbline::run
