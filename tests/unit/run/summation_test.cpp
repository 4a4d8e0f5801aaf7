// SPDX-License-Identifier: Apache-2.0
// Orders of summation are recovered from answers alone: trees known by construction answer, what is found must be the
// same tree. The answers of real f32 arithmetic are asked for too.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "core/random.h"
#include "run/summation_text.h"
#include "run/summation_tree.h"
#include "support/catch.h"

namespace plumbline::run {
namespace {

/// Every node as the set of its terms: two trees are the same order if and only if these agree.
std::set<std::set<int64_t>> clades(const SummationTree& tree) {
  std::vector<std::set<int64_t>> below(tree.nodes.size());
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    if (tree.nodes[i].children.empty()) below[i].insert(tree.nodes[i].first);
    for (const int child : tree.nodes[i].children)
      below[i].insert(below[static_cast<size_t>(child)].begin(), below[static_cast<size_t>(child)].end());
  }
  return {below.begin(), below.end()};
}

std::vector<int> terms(SummationTree& tree, int64_t count, int64_t first = 0, int64_t stride = 1) {
  std::vector<int> nodes;
  for (int64_t i = 0; i < count; ++i) nodes.push_back(tree.add_term(first + i * stride));
  return nodes;
}

int chained(SummationTree& tree, const std::vector<int>& nodes) {
  int sum = nodes.front();
  for (size_t i = 1; i < nodes.size(); ++i) sum = tree.add_sum({sum, nodes[i]});
  return sum;
}

/// Element i with element i + half, level by level, as a butterfly of shuffles does.
int butterfly(SummationTree& tree, std::vector<int> nodes) {
  for (size_t half = nodes.size() / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) nodes[i] = tree.add_sum({nodes[i], nodes[i + half]});
    nodes.resize(half);
  }
  return nodes.front();
}

SummationTree chain_of(int64_t count, bool descending) {
  SummationTree tree;
  std::vector<int> nodes = terms(tree, count);
  if (descending) std::reverse(nodes.begin(), nodes.end());
  tree.root = chained(tree, nodes);
  return tree;
}

SummationTree lanes_of(int64_t lanes, int64_t each) {
  SummationTree tree;
  std::vector<int> sums;
  for (int64_t lane = 0; lane < lanes; ++lane) sums.push_back(chained(tree, terms(tree, each, lane, lanes)));
  tree.root = butterfly(tree, sums);
  return tree;
}

/// Steps of `width` terms, each added together with the sum so far.
SummationTree steps_of(int64_t count, int64_t width) {
  SummationTree tree;
  int sum = -1;
  for (int64_t first = 0; first < count; first += width) {
    std::vector<int> children = terms(tree, std::min(width, count - first), first);
    if (sum >= 0) children.push_back(sum);
    sum = tree.add_sum(children);
  }
  tree.root = sum;
  return tree;
}

/// Any tree: nodes are joined at random, two to five at a time.
SummationTree random_tree(int64_t count, uint64_t seed) {
  SplitMix64 random(seed);
  SummationTree tree;
  std::vector<int> open = terms(tree, count);
  while (open.size() > 1) {
    std::vector<int> children;
    const uint64_t wanted = std::min<uint64_t>(open.size(), 2 + (random.next() % 3 == 0 ? random.next() % 4 : 0));
    while (children.size() < wanted) {
      const auto place = open.begin() + static_cast<int64_t>(random.next() % open.size());
      children.push_back(*place);
      open.erase(place);
    }
    open.push_back(tree.add_sum(children));
  }
  tree.root = open.front();
  return tree;
}

Ask answers_of(const SummationTree& tree) {
  return [&tree](const std::vector<Triple>& triples) {
    std::vector<bool> answers;
    for (const Triple& triple : triples) answers.push_back(tree.answer(triple));
    return answers;
  };
}

}  // namespace

TEST_CASE("a tree answers which two of three terms meet first", "[order]") {
  const SummationTree chain = chain_of(4, false);
  CHECK(chain.answer({3, 0, 1}));
  CHECK(chain.answer({2, 1, 0}));
  CHECK_FALSE(chain.answer({0, 1, 2}));
  const SummationTree fused = steps_of(4, 4);
  CHECK_FALSE(fused.answer({3, 0, 1}));
}

TEST_CASE("any order of summation is recovered exactly, fused nodes too", "[order]") {
  std::vector<SummationTree> trees = {chain_of(2, false), chain_of(3, true), chain_of(100, false), chain_of(100, true),
                                      lanes_of(32, 8),    lanes_of(16, 5),   steps_of(64, 16),     steps_of(70, 16),
                                      steps_of(16, 16),   steps_of(12, 4)};
  for (uint64_t seed = 0; seed < 300; ++seed) trees.push_back(random_tree(1 + static_cast<int64_t>(seed % 41), seed));
  for (const SummationTree& tree : trees) {
    const SummationTree found = reveal_tree(tree.at(tree.root).terms, answers_of(tree));
    REQUIRE(clades(found) == clades(tree));
    CHECK(found.depth() == tree.depth());
    CHECK(contradictions(found, 50, 7, answers_of(tree)) == 0);
  }
}

TEST_CASE("questions grow as n log n for a chain and a tree, not as the square", "[order]") {
  for (const SummationTree& tree : {chain_of(512, true), lanes_of(32, 16), steps_of(512, 16)}) {
    size_t asked = 0;
    reveal_tree(512, [&](const std::vector<Triple>& triples) {
      asked += triples.size();
      return answers_of(tree)(triples);
    });
    CHECK(asked < 512 * 9 * 8);
  }
}

TEST_CASE("answers that follow no fixed order contradict the tree that they give", "[order]") {
  SplitMix64 random(3);
  const Ask coin = [&random](const std::vector<Triple>& triples) {
    std::vector<bool> answers;
    for (size_t i = 0; i < triples.size(); ++i) answers.push_back(random.next() % 2 == 0);
    return answers;
  };
  CHECK(contradictions(reveal_tree(40, coin), 200, 1, coin) > 20);
}

TEST_CASE("real f32 sums tell their order by what cancels", "[order]") {
  const auto pairwise = [](const std::vector<float>& x) {  // halves, recursively: 0..3 and 4..7
    return ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
  };
  const Ask ask = [&](const std::vector<Triple>& triples) {
    std::vector<bool> answers;
    for (const Triple& triple : triples) {
      std::vector<float> x(8, 0.0f);
      x[static_cast<size_t>(triple.left)] = 0x1p100f;
      x[static_cast<size_t>(triple.right)] = -0x1p100f;
      x[static_cast<size_t>(triple.alone)] = 1.0f;
      answers.push_back(pairwise(x) != 0.0f);
    }
    return answers;
  };
  const SummationTree found = reveal_tree(8, ask);
  const std::set<std::set<int64_t>> sums = clades(found);
  CHECK(sums.count({0, 1}) == 1);
  CHECK(sums.count({4, 5, 6, 7}) == 1);
  CHECK(found.depth() == 3);
}

TEST_CASE("an order is told by its repetitions", "[order]") {
  CHECK(summation_text(chain_of(256, false)) == "chain of 256 terms (stride 1)");
  CHECK(summation_text(chain_of(9, true)) == "chain of 9 terms (stride -1)");
  CHECK(summation_text(steps_of(256, 16)) == "chain of 16 steps of 16 terms at once (stride 16)");
  CHECK(summation_text(lanes_of(32, 8)) ==
        "32 parts joined at distance 16, 8, 4, 2, 1, each: chain of 8 terms (stride 32)");
  CHECK(summation_text(steps_of(16, 16)) == "16 terms at once");
}

TEST_CASE("an order as JSON names each sum after those it adds", "[order]") {
  const nlohmann::ordered_json json = summation_json(chain_of(3, false));
  CHECK(json.dump() == R"({"terms":3,"depth":2,"widest":2,"sums":[[0,1],[3,2]]})");
}

}  // namespace plumbline::run
