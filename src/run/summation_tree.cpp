// SPDX-License-Identifier: Apache-2.0
// A pivot's way to the root passes every other term at some level. Sorting the others by that level (a three-way
// quicksort whose comparison is a question) gives groups; each group is a problem of its own.
#include "run/summation_tree.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>

#include "core/random.h"

namespace plumbline::run {
namespace {

/// Terms that meet the pivot at one level, or, unsorted, at several levels next to each other.
struct Range {
  std::vector<int64_t> terms;
  bool sorted = false;
};

/// The terms of one group, seen from its pivot.
struct Group {
  int64_t pivot = 0;
  std::vector<Range> levels;   // from the pivot to the root
  std::vector<int> below;      // the group that each level is, -1 for a single term
  std::vector<bool> siblings;  // whether a level's terms meet no earlier than they meet the pivot

  bool sorted() const {
    return std::all_of(levels.begin(), levels.end(), [](const Range& range) { return range.sorted; });
  }
};

Group group_of(std::vector<int64_t> terms) {
  Group group;
  const auto middle = terms.begin() + static_cast<int64_t>(terms.size()) / 2;
  group.pivot = *middle;
  terms.erase(middle);
  if (!terms.empty()) group.levels.push_back({std::move(terms), false});
  return group;
}

class Revealer {
 public:
  explicit Revealer(const Ask& ask) : ask_(ask) {}

  SummationTree reveal(int64_t terms) {
    std::vector<int64_t> all(static_cast<size_t>(terms));
    std::iota(all.begin(), all.end(), 0);
    groups_.push_back(group_of(std::move(all)));
    for (size_t first = 0; first < groups_.size();) {
      const size_t end = groups_.size();
      sort_levels(first, end);
      for (size_t i = first; i < end; ++i) descend(i);
      first = end;
    }
    ask_for_siblings();
    SummationTree tree;
    tree.root = assemble(tree, 0);
    return tree;
  }

 private:
  void sort_levels(size_t first, size_t end) {
    while (std::any_of(groups_.begin() + static_cast<int64_t>(first), groups_.begin() + static_cast<int64_t>(end),
                       [](const Group& group) { return !group.sorted(); }))
      partition(first, end);
  }

  /// One round of the quicksort, for all groups of a generation in one batch: each unsorted range is divided by its
  /// middle term into those that meet the pivot before it, with it and after it.
  void partition(size_t first, size_t end) {
    std::vector<Triple> questions;
    for (size_t i = first; i < end; ++i)
      for (const Range& range : groups_[i].levels)
        if (!range.sorted) compare(groups_[i].pivot, range.terms, questions);
    const std::vector<bool> answers = ask_(questions);
    size_t next = 0;
    for (size_t i = first; i < end; ++i) {
      std::vector<Range> levels;
      for (Range& range : groups_[i].levels) {
        if (range.sorted)
          levels.push_back(std::move(range));
        else
          divide(range.terms, answers, next, levels);
      }
      groups_[i].levels = std::move(levels);
    }
  }

  static int64_t middle_of(const std::vector<int64_t>& terms) { return terms[terms.size() / 2]; }

  static void compare(int64_t pivot, const std::vector<int64_t>& terms, std::vector<Triple>& questions) {
    const int64_t middle = middle_of(terms);
    for (const int64_t term : terms) {
      if (term == middle) continue;
      questions.push_back({middle, pivot, term});  // does `term` meet the pivot before the middle one does?
      questions.push_back({term, pivot, middle});
    }
  }

  static void divide(const std::vector<int64_t>& terms, const std::vector<bool>& answers, size_t& next,
                     std::vector<Range>& levels) {
    Range before, with{{}, true}, after;
    for (const int64_t term : terms) {
      if (term == middle_of(terms)) {
        with.terms.push_back(term);
        continue;
      }
      const bool earlier = answers[next], later = answers[next + 1];
      next += 2;
      (earlier ? before : later ? after : with).terms.push_back(term);
    }
    for (Range* range : {&before, &with, &after}) {
      range->sorted = range->sorted || range->terms.size() == 1;
      if (!range->terms.empty()) levels.push_back(std::move(*range));
    }
  }

  void descend(size_t index) {
    for (size_t level = 0; level < groups_[index].levels.size(); ++level) {
      const std::vector<int64_t> terms = groups_[index].levels[level].terms;
      groups_[index].below.push_back(terms.size() == 1 ? -1 : static_cast<int>(groups_.size()));
      if (terms.size() > 1) groups_.push_back(group_of(terms));
    }
    groups_[index].siblings.assign(groups_[index].levels.size(), false);
  }

  /// Two terms that meet only at the root of the group.
  static std::pair<int64_t, int64_t> farthest(const Group& group) {
    return {group.pivot, group.levels.back().terms.front()};
  }

  void ask_for_siblings() {
    std::vector<Triple> questions;
    std::vector<std::pair<size_t, size_t>> places;
    for (size_t i = 0; i < groups_.size(); ++i)
      for (size_t level = 0; level < groups_[i].below.size(); ++level) {
        if (groups_[i].below[level] < 0) continue;
        const auto [left, right] = farthest(groups_[static_cast<size_t>(groups_[i].below[level])]);
        questions.push_back({groups_[i].pivot, left, right});
        places.emplace_back(i, level);
      }
    const std::vector<bool> answers = ask_(questions);
    for (size_t k = 0; k < places.size(); ++k) groups_[places[k].first].siblings[places[k].second] = !answers[k];
  }

  int assemble(SummationTree& tree, size_t index) const {
    const Group& group = groups_[index];
    int node = tree.add_term(group.pivot);
    for (size_t level = 0; level < group.levels.size(); ++level) {
      std::vector<int> children = {node};
      if (group.below[level] < 0) {
        children.push_back(tree.add_term(group.levels[level].terms.front()));
      } else {
        children.push_back(assemble(tree, static_cast<size_t>(group.below[level])));
        if (group.siblings[level]) dissolve(tree, children);
      }
      node = tree.add_sum(std::move(children));
    }
    return node;
  }

  /// The last of `children`, the node made last, gives way to its own children.
  static void dissolve(SummationTree& tree, std::vector<int>& children) {
    const std::vector<int> own = tree.nodes.back().children;
    tree.nodes.pop_back();
    children.pop_back();
    children.insert(children.end(), own.begin(), own.end());
  }

  const Ask& ask_;
  std::vector<Group> groups_;
};

int64_t depth_below(const SummationTree& tree, int node) {
  int64_t deepest = 0;
  for (const int child : tree.at(node).children) deepest = std::max(deepest, 1 + depth_below(tree, child));
  return deepest;
}

/// Which of the triple's terms lie below a node; the answer once `left` and `right` are together.
struct Seen {
  bool left = false, right = false, alone = false;
  std::optional<bool> answer;
};

Seen look(const SummationTree& tree, int node, const Triple& triple) {
  const SummationTree::Node& here = tree.at(node);
  Seen seen;
  if (here.children.empty()) {
    seen.left = here.first == triple.left;
    seen.right = here.first == triple.right;
    seen.alone = here.first == triple.alone;
  }
  for (const int child : here.children) {
    const Seen below = look(tree, child, triple);
    if (below.answer) return below;
    seen.left |= below.left;
    seen.right |= below.right;
    seen.alone |= below.alone;
  }
  if (seen.left && seen.right) seen.answer = !seen.alone;
  return seen;
}

}  // namespace

int SummationTree::add_term(int64_t term) {
  nodes.push_back({{}, term, 1});
  return static_cast<int>(nodes.size()) - 1;
}

int SummationTree::add_sum(std::vector<int> children) {
  std::sort(children.begin(), children.end(), [this](int a, int b) { return at(a).first < at(b).first; });
  Node sum{children, at(children.front()).first, 0};
  for (const int child : children) sum.terms += at(child).terms;
  nodes.push_back(std::move(sum));
  return static_cast<int>(nodes.size()) - 1;
}

int64_t SummationTree::depth() const { return depth_below(*this, root); }

bool SummationTree::answer(const Triple& triple) const { return look(*this, root, triple).answer.value_or(false); }

SummationTree reveal_tree(int64_t terms, const Ask& ask) { return Revealer(ask).reveal(terms); }

int64_t contradictions(const SummationTree& tree, int64_t count, uint64_t seed, const Ask& ask) {
  const auto terms = static_cast<uint64_t>(tree.at(tree.root).terms);
  if (terms < 3) return 0;
  SplitMix64 random(seed);
  std::vector<Triple> questions;
  while (static_cast<int64_t>(questions.size()) < count) {
    const auto draw = [&] { return static_cast<int64_t>(random.next() % terms); };
    const Triple triple{draw(), draw(), draw()};
    if (std::set<int64_t>{triple.alone, triple.left, triple.right}.size() == 3) questions.push_back(triple);
  }
  const std::vector<bool> answers = ask(questions);
  int64_t unlike = 0;
  for (size_t i = 0; i < questions.size(); ++i) unlike += answers[i] != tree.answer(questions[i]) ? 1 : 0;
  return unlike;
}

}  // namespace plumbline::run
