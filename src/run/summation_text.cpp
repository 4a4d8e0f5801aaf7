// SPDX-License-Identifier: Apache-2.0
// Two repetitions are recognised: a chain, where one child holds most of the terms and the rest has the same shape step
// after step; and equal parts joined level by level. Shapes are compared by number, equal subtrees having equal ones.
#include "run/summation_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace plumbline::run {
namespace {

using Node = SummationTree::Node;

class Teller {
 public:
  explicit Teller(const SummationTree& tree) : tree_(tree), shapes_(tree.nodes.size(), -1) { shape(tree.root); }

  std::string tell(int node) const {
    const Node& here = tree_.at(node);
    if (here.children.empty() || only_terms(here.children)) return terms(here.children.size());
    if (const int kept = accumulator(node); kept >= 0) return chain(node);
    return equal(here.children) ? parts(node) : fmt::format("({})", joined(here.children));
  }

 private:
  /// 0 children: the node is a term itself.
  static std::string terms(size_t count) {
    return count < 2 ? "one term" : fmt::format("{} terms{}", count, count > 2 ? " at once" : "");
  }

  bool only_terms(const std::vector<int>& nodes) const {
    return std::all_of(nodes.begin(), nodes.end(), [this](int node) { return tree_.at(node).children.empty(); });
  }

  int shape(int node) {
    std::vector<int> below;
    for (const int child : tree_.at(node).children) below.push_back(shape(child));
    std::sort(below.begin(), below.end());
    const int number = numbers_.try_emplace(below, static_cast<int>(numbers_.size())).first->second;
    return shapes_[static_cast<size_t>(node)] = number;
  }

  std::vector<int> shapes_of(const std::vector<int>& nodes) const {
    std::vector<int> shapes;
    for (const int node : nodes) shapes.push_back(shapes_[static_cast<size_t>(node)]);
    std::sort(shapes.begin(), shapes.end());
    return shapes;
  }

  bool equal(const std::vector<int>& nodes) const {
    const std::vector<int> shapes = shapes_of(nodes);
    return shapes.front() == shapes.back();
  }

  /// The child that holds more than half of the terms; -1 if there is none.
  int accumulator(int node) const {
    for (const int child : tree_.at(node).children)
      if (2 * tree_.at(child).terms > tree_.at(node).terms) return child;
    return -1;
  }

  std::vector<int> others(int node, int kept) const {
    std::vector<int> rest = tree_.at(node).children;
    std::erase(rest, kept);
    return rest;
  }

  /// From the sum down: steps that add parts of the same shapes, until what is left has another form.
  std::string chain(int node) const {
    const std::vector<int> step = others(node, accumulator(node));
    std::vector<int64_t> firsts;
    int at = node;
    for (int kept = accumulator(at); !tree_.at(at).children.empty() && tree_.at(at).children.size() == step.size() + 1;
         kept = accumulator(at)) {
      if (kept < 0) kept = last_base(at, step, firsts);
      if (kept < 0 || shapes_of(others(at, kept)) != shapes_of(step)) break;
      firsts.push_back(tree_.at(others(at, kept).front()).first);
      at = kept;
    }
    firsts.push_back(tree_.at(at).first);
    std::reverse(firsts.begin(), firsts.end());
    if (begins_like(at, step)) return fmt::format("chain of {}{}", counted(firsts.size(), step), places(firsts, step));
    return fmt::format("chain onto ({}) of {}{}", tell(at), counted(firsts.size() - 1, step), places(firsts, step));
  }

  /// Whether the first sum of a chain is made of what each step adds.
  bool begins_like(int base, const std::vector<int>& step) const {
    const std::vector<int>& children = tree_.at(base).children;
    return step.size() == 1 ? shapes_of({base}) == shapes_of(step)
                            : !children.empty() && shapes_of(children) == shapes_of(step);
  }

  std::string counted(size_t count, const std::vector<int>& step) const {
    if (!only_terms(step)) return fmt::format("{} parts", count);
    return step.size() == 1 ? fmt::format("{} terms", count) : fmt::format("{} steps of {}", count, terms(step.size()));
  }

  /// Where the steps begin, and what each is if it is more than a term.
  std::string places(const std::vector<int64_t>& firsts, const std::vector<int>& step) const {
    return stride(firsts) + (only_terms(step) ? "" : ", each: " + joined(step));
  }

  /// The lowest node of a chain has no child with more than half of the terms. Which of two came first nobody can tell:
  /// the one that leaves the chain regular.
  int last_base(int node, const std::vector<int>& step, const std::vector<int64_t>& firsts) const {
    int base = -1;
    for (const int child : tree_.at(node).children) {
      const std::vector<int> added = others(node, child);
      if (shapes_of(added) != shapes_of(step)) continue;
      const size_t count = firsts.size();
      const bool regular =
          count < 2 || tree_.at(added.front()).first - firsts[count - 1] == firsts[count - 1] - firsts[count - 2];
      if (base < 0 || regular) base = child;
      if (regular) break;
    }
    return base;
  }

  static std::string stride(const std::vector<int64_t>& firsts) {
    constexpr size_t kShown = 8;
    const int64_t step = firsts[1] - firsts[0];
    bool regular = true;
    for (size_t i = 1; i < firsts.size(); ++i) regular = regular && firsts[i] - firsts[i - 1] == step;
    if (regular) return fmt::format(" (stride {})", step);
    const std::vector<int64_t> shown(firsts.begin(),
                                     firsts.begin() + static_cast<int64_t>(std::min(kShown, firsts.size())));
    return fmt::format(" (in the order {}{})", fmt::join(shown, ", "), firsts.size() > kShown ? ", ..." : "");
  }

  /// Equal parts, joined level by level as long as the parts consist of equal parts themselves.
  std::string parts(int node) const {
    std::vector<int64_t> distances;
    int64_t count = 1;
    while (!tree_.at(node).children.empty() && !only_terms(tree_.at(node).children) && equal(tree_.at(node).children) &&
           accumulator(node) < 0) {
      const std::vector<int>& children = tree_.at(node).children;
      distances.push_back(tree_.at(children[1]).first - tree_.at(children[0]).first);
      count *= static_cast<int64_t>(children.size());
      node = children.front();
    }
    std::reverse(distances.begin(), distances.end());
    return fmt::format("{} parts joined at distance {}, each: {}", count, fmt::join(distances, ", "), tell(node));
  }

  std::string joined(const std::vector<int>& nodes) const {
    std::vector<std::string> texts;
    for (const int node : nodes) texts.push_back(tell(node));
    return fmt::format("{}", fmt::join(texts, " + "));
  }

  const SummationTree& tree_;
  std::vector<int> shapes_;
  std::map<std::vector<int>, int> numbers_;
};

}  // namespace

std::string summation_text(const SummationTree& tree) { return Teller(tree).tell(tree.root); }

int64_t widest_sum(const SummationTree& tree) {
  size_t widest = 1;
  for (const Node& node : tree.nodes) widest = std::max(widest, node.children.size());
  return static_cast<int64_t>(widest);
}

nlohmann::ordered_json summation_json(const SummationTree& tree) {
  const int64_t terms = tree.at(tree.root).terms;
  nlohmann::ordered_json sums = nlohmann::ordered_json::array();
  std::vector<int64_t> number(tree.nodes.size());
  // Children are made before the sums that add them.
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    const Node& node = tree.nodes[i];
    number[i] = node.children.empty() ? node.first : terms + static_cast<int64_t>(sums.size());
    if (node.children.empty()) continue;
    std::vector<int64_t> entries;
    for (const int child : node.children) entries.push_back(number[static_cast<size_t>(child)]);
    sums.push_back(entries);
  }
  return {{"terms", terms}, {"depth", tree.depth()}, {"widest", widest_sum(tree)}, {"sums", sums}};
}

}  // namespace plumbline::run
