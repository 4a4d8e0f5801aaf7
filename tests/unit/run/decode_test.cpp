// SPDX-License-Identifier: Apache-2.0
// Greedy decoding on a backend whose logits are known: the next token is the last one plus one.
#include "run/decode.h"

#include <limits>

#include "support/catch.h"

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

constexpr int64_t kVocabulary = 16;

/// Counts up; `drift` is added to the first logit of every step, to play a backend that taps disturb.
class Counter final : public Backend {
 public:
  explicit Counter(double drift = 0.0) : drift_(drift) {}
  Tensor forward(const Step& step, TapSink& sink) override {
    sink.begin_step(step);
    std::vector<double> logits(step.tokens.size() * kVocabulary, 0.0);
    logits[0] = drift_;
    for (size_t row = 0; row < step.tokens.size(); ++row)
      logits[row * kVocabulary + static_cast<size_t>((step.tokens[row] + 1) % kVocabulary)] = 1.0;
    fed.push_back(step);
    return Tensor::from_values(DType::f32, {1, static_cast<int64_t>(step.tokens.size()), kVocabulary}, logits);
  }
  std::string description() const override { return "counter"; }
  const OpGraph& graph() const override { return graph_; }

  std::vector<Step> fed;

 private:
  double drift_;
  OpGraph graph_;
};

}  // namespace

TEST_CASE("the choice is the largest logit of the last row, the lowest index of equals, never NaN", "[run]") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const auto [row, expected] = GENERATE_COPY(table<std::vector<double>, int64_t>({{{1, 3, 2}, 1},
                                                                                  {{3, 3, 3}, 0},
                                                                                  {{-2, -1, -1}, 1},
                                                                                  {{nan, -5, -4}, 2},
                                                                                  {{nan, nan, nan}, 0},
                                                                                  {{-inf, inf, 7}, 1},
                                                                                  {{-0.0, 0.0, -1}, 0}}));
  std::vector<double> two_rows = {9, 9, 9};
  two_rows.insert(two_rows.end(), row.begin(), row.end());
  CHECK(greedy_choice(Tensor::from_values(DType::f32, {1, 2, 3}, two_rows).view()) == expected);
}

TEST_CASE("all new tokens but the last are fed, at the positions that follow", "[run]") {
  Counter backend;
  NullSink sink;
  const Decoded run = decode(backend, {{{1, 2}, {3}}, 3, {}}, sink);
  CHECK(run.generated == std::vector<int64_t>{4, 5, 6});
  CHECK_FALSE(run.stopped);
  REQUIRE(backend.fed.size() == 4);
  const std::vector<int64_t> positions = {0, 2, 3, 4};
  for (size_t i = 0; i < 4; ++i) {
    CHECK(backend.fed[i].index == static_cast<int64_t>(i));
    CHECK(backend.fed[i].first_position == positions[i]);
  }
  CHECK(backend.fed.back().tokens == std::vector<int64_t>{5});
}

TEST_CASE("decoding ends at a stop token, which is kept and not fed", "[run]") {
  Counter backend;
  NullSink sink;
  const Decoded run = decode(backend, {{{1}}, 9, {12, 4}}, sink);
  CHECK(run.generated == std::vector<int64_t>{2, 3, 4});
  CHECK(run.stopped);
  CHECK(backend.fed.size() == 3);
}

TEST_CASE("no new tokens: only the given steps run", "[run]") {
  Counter backend;
  NullSink sink;
  const Decoded run = decode(backend, {{{1, 2, 3}}, 0, {}}, sink);
  CHECK(run.generated.empty());
  CHECK(run.steps.size() == 1);
  CHECK(run.first_nan_step == -1);
}

TEST_CASE("NaN in the logits that choose is noted with its step", "[run]") {
  Counter backend(std::numeric_limits<double>::quiet_NaN());
  NullSink sink;
  CHECK(decode(backend, {{{1, 2}, {3}}, 0, {}}, sink).first_nan_step == 1);  // in step 0 the NaN lies in the first row
}

TEST_CASE("verification passes equal logits and names the step of unequal ones", "[run]") {
  Counter backend, same, other(0.5);
  NullSink sink;
  const Decoded run = decode(backend, {{{1, 2}}, 3, {}}, sink);
  verify_without_taps(same, run);
  CHECK(same.fed.size() == run.steps.size());
  CHECK_THROWS_AS(verify_without_taps(other, run), BackendError);
}

}  // namespace plumbline::run
