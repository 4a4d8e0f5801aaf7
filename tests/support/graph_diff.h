// SPDX-License-Identifier: Apache-2.0
// What differs between two models, for tests that demand that a change changes what it says and nothing else.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include <plumbline/model.h>

namespace plumbline::test {

inline OpGraph one_op(const Op& op) {
  OpGraph graph;
  graph.ops = {op};
  return graph;
}

/// Names of ops that are in one graph only, or in both but not equal.
inline std::set<std::string> changed_ops(const OpGraph& before, const OpGraph& after) {
  std::map<std::string, std::string> a, b;
  for (const Op& op : before.ops) a[op.name] = to_json(one_op(op));
  for (const Op& op : after.ops) b[op.name] = to_json(one_op(op));
  std::set<std::string> names;
  for (const auto& [name, text] : a) {
    if (!b.contains(name) || b.at(name) != text) names.insert(name);
  }
  for (const auto& [name, text] : b) {
    if (!a.contains(name)) names.insert(name);
  }
  return names;
}

/// Names of parameters that are in one model only, or in both but with other digests.
inline std::set<std::string> changed_parameters(const Model& before, const Model& after) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : before.parameters) {
    const auto found = after.parameters.find(name);
    if (found == after.parameters.end() || digest(found->second.view()) != digest(tensor.view())) names.insert(name);
  }
  for (const auto& [name, tensor] : after.parameters) {
    if (!before.parameters.contains(name)) names.insert(name);
  }
  return names;
}

}  // namespace plumbline::test
