// SPDX-License-Identifier: Apache-2.0
#include "locate/yardstick.h"

#include <fmt/format.h>

#include <algorithm>

namespace plumbline {
namespace {

bool wired_alike(const Op& a, const Op& b) { return a.inputs == b.inputs && a.parameters == b.parameters; }

bool wired_alike(const OpGraph& a, const OpGraph& b) {
  return std::ranges::equal(a.ops, b.ops, [](const Op& left, const Op& right) {
    return left.name == right.name && wired_alike(left, right);
  });
}

}  // namespace

OpGraph yardstick(const OpGraph& reference, const OpGraph& candidate, const OpGraph& checkpoint) {
  if (wired_alike(reference, checkpoint) || !wired_alike(candidate, checkpoint)) return reference;
  OpGraph graph = candidate;
  for (Op& op : graph.ops) {
    const Op* own = reference.find(op.name);
    if (own != nullptr && wired_alike(*own, op)) op = *own;
  }
  return graph;
}

void blame_ops_left_out_by_reference(const OpGraph& graph, const OpGraph& stated, std::vector<OpResult>& results) {
  const auto place = [&](const std::string& op) {
    const auto found = std::ranges::find(graph.ops, op, &Op::name);
    return static_cast<size_t>(found - graph.ops.begin());
  };
  for (OpResult& end : results) {
    if (!end.row.reference_failed) continue;
    const auto lacking = std::ranges::find_if(
        graph.ops, [&](const Op& op) { return end.through.contains(op.name) && stated.find(op.name) == nullptr; });
    if (lacking == graph.ops.end()) continue;
    OpResult& left_out = results[place(lacking->name)];
    left_out.row.reference_failed = true;
    left_out.row.role = Role::unknown;
    left_out.row.reason = "the reference left it out; seen at " + end.row.op;
    left_out.reference_evidence = fmt::format("the checkpoint has {}, the reference's graph does not; {} with it: {}",
                                              lacking->name, end.row.op, end.reference_evidence);
    end.row.reference_failed = false;
    end.row.role = Role::inherited;
    end.row.reason.clear();
  }
}

}  // namespace plumbline
