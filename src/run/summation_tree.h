// SPDX-License-Identifier: Apache-2.0
// The order in which an implementation adds n terms, found out by asking it: after "Revealing Floating-Point
// Accumulation Orders in Software/Hardware Implementations" (FPRev), on rooted triples instead of counts, so that a
// result of eight bits suffices. Invariant: nothing is assumed but that the order is a fixed tree.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

namespace plumbline::run {

/// One question: were `left` and `right` added to each other before `alone` joined them?
struct Triple {
  int64_t alone = 0, left = 0, right = 0;
};
/// Answers to a batch of questions, in their order. All three terms of a question differ.
using Ask = std::function<std::vector<bool>(const std::vector<Triple>&)>;

/// A node adds its children in one go: two for an ordinary addition, more where hardware adds several terms at once.
struct SummationTree {
  struct Node {
    std::vector<int> children;  ///< in the order of their first terms; empty: a term
    int64_t first = 0;          ///< lowest term below
    int64_t terms = 1;          ///< how many terms lie below
  };
  std::vector<Node> nodes;
  int root = -1;

  const Node& at(int node) const { return nodes.at(static_cast<size_t>(node)); }
  int add_term(int64_t term);
  /// Throws std::out_of_range for a child that is not there.
  int add_sum(std::vector<int> children);
  /// Additions on the longest way from a term to the sum: the roundings that a term can meet.
  int64_t depth() const;
  /// What a fixed order answers. O(n).
  bool answer(const Triple& triple) const;
};

/// The tree of `terms` terms (at least 1). Asks O(n log n) questions for the orders in use, O(n^2) at worst, in
/// batches. The answers of no fixed order give some tree all the same: check it by contradictions().
SummationTree reveal_tree(int64_t terms, const Ask& ask);
/// How many of `count` random questions are answered otherwise than by the tree: 0 unless there is no such order.
int64_t contradictions(const SummationTree& tree, int64_t count, uint64_t seed, const Ask& ask);

}  // namespace plumbline::run
