// SPDX-License-Identifier: Apache-2.0
// Alignment of runs by token position, and selection of the elements that pair.
#include "locate/positions.h"

#include "locate/selection.h"
#include "support/catch.h"

using namespace plumbline;

namespace {

Step step_of(int64_t index, int64_t first, std::vector<int64_t> tokens) { return {index, first, std::move(tokens)}; }

}  // namespace

TEST_CASE("a prefill of six pairs with a prefill of four and two decode steps") {
  const Alignment a = align_steps({step_of(0, 0, {1, 2, 3, 4, 5, 6})},
                                  {step_of(0, 0, {1, 2, 3, 4}), step_of(1, 4, {5}), step_of(2, 5, {6})});
  REQUIRE(a.pairs.size() == 3);
  CHECK(a.positions == 6);
  CHECK_FALSE(a.difference);
  CHECK(a.pairs[0].positions == std::vector<int64_t>{0, 1, 2, 3});
  CHECK(a.pairs[0].keys == 4);  // the longer prefill's keys 4 and 5 exist on one side only
  CHECK(a.pairs[1].reference_rows == std::vector<int64_t>{4});
  CHECK(a.pairs[1].candidate_rows == std::vector<int64_t>{0});
  CHECK(a.pairs[1].keys == 5);
  CHECK(a.pairs[2].keys == 6);
}

TEST_CASE("tokens that differ end the pairing, in the prompt or after it") {
  struct Row {
    std::vector<Step> reference, candidate;
    int64_t difference;
    bool in_prompt;
    int64_t positions;
  };
  const Row rows[] = {
      {{step_of(0, 0, {1, 2, 3})}, {step_of(0, 0, {1, 9, 3})}, 1, true, 1},
      {{step_of(0, 0, {1, 2}), step_of(1, 2, {3})}, {step_of(0, 0, {1, 2}), step_of(1, 2, {4})}, 2, false, 2},
      // the prompt is what both runs were fed at once
      {{step_of(0, 0, {1, 2, 3})}, {step_of(0, 0, {1, 2}), step_of(1, 2, {4})}, 2, false, 2},
  };
  for (const Row& row : rows) {
    const Alignment a = align_steps(row.reference, row.candidate);
    REQUIRE(a.difference);
    CHECK(*a.difference == row.difference);
    CHECK(a.in_prompt == row.in_prompt);
    CHECK(a.positions == row.positions);
    for (const StepPair& pair : a.pairs) CHECK(pair.keys <= row.difference);
  }
}

TEST_CASE("runs without a common position have no pairs") {
  CHECK(align_steps({}, {step_of(0, 0, {1})}).pairs.empty());
  CHECK(align_steps({step_of(0, 0, {1})}, {step_of(0, 1, {1})}).pairs.empty());
}

TEST_CASE("a token nobody recorded equals every token") {
  const Alignment a = align_steps({step_of(0, 0, {kUnknownToken, 2})}, {step_of(0, 0, {1, kUnknownToken})});
  CHECK_FALSE(a.difference);
  CHECK(a.positions == 2);
}

TEST_CASE("selection takes the rows of the pair and the keys both sides have") {
  StepPair pair;
  pair.positions = {1};
  pair.reference_rows = {1};
  pair.candidate_rows = {0};
  pair.reference_keys = 3;
  pair.candidate_keys = 2;
  pair.keys = 2;
  std::string why_not;
  const auto left = select({2, 3}, {"token", "key"}, pair, SideId::reference, why_not);
  const auto right = select({1, 2}, {"token", "key"}, pair, SideId::candidate, why_not);
  REQUIRE(left);
  REQUIRE(right);
  CHECK(left->shape == right->shape);
  CHECK(left->flat == std::vector<int64_t>{3, 4});
  CHECK(right->whole);
  CHECK(gather(std::vector<double>{0, 1, 2, 3, 4, 5}, *left) == std::vector<double>{3, 4});
  CHECK_FALSE(select({2, 4}, {"token", "key"}, pair, SideId::reference, why_not));
  CHECK(why_not.find("3 keys") != std::string::npos);
  CHECK_FALSE(select({2, 3}, {"token"}, pair, SideId::reference, why_not));
}

TEST_CASE("the permutation that would fit is found by names, else by extents") {
  using Axes = std::vector<std::string>;
  using Order = std::vector<size_t>;
  const Axes a{"batch", "head", "token", "channel"}, b{"batch", "token", "head", "channel"};
  CHECK(fitting_permutation({1, 2, 5, 8}, a, {1, 5, 2, 8}, b) == Order{0, 2, 1, 3});
  CHECK(fitting_permutation({4, 4}, {"token", "channel"}, {4, 4}, {"channel", "token"}) == Order{1, 0});
  CHECK(fitting_permutation({3, 7}, {"token", "channel"}, {7, 3}, {"token", "channel"}) == Order{1, 0});
  CHECK_FALSE(fitting_permutation({3, 7}, {"token", "channel"}, {7, 4}, {"token", "channel"}));
  CHECK_FALSE(fitting_permutation({3, 7}, {"token", "channel"}, {21}, {"token"}));
}

TEST_CASE("flat positions and indices are each other's inverse") {
  const Shape shape{2, 3, 4};
  for (int64_t flat = 0; flat < 24; ++flat) CHECK(flatten(unflatten(flat, shape), shape) == flat);
  CHECK(unflatten(23, shape) == Shape{1, 2, 3});
}
