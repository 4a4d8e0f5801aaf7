// SPDX-License-Identifier: Apache-2.0
// The fusion plan: which runs of graph ops one kernel takes over. Invariant: every op of the graph belongs to exactly
// one step, steps keep the graph's order, and a value that never leaves a fused kernel is read by no op outside it.
// Leaves running the steps to step_runner.h. Patterns are data (fusion_plan.cpp): they look at kinds and wiring, not
// names.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <plumbline/op_graph.h>

namespace plumbline {

enum class StepKind : uint8_t {
  norm_qkv,   ///< roles norm, q, k, v
  heads,      ///< roles q_norm, k_norm (each optional), q_heads, k_heads, v_heads, q_rope, k_rope, k_cache, v_cache
  attention,  ///< roles scores, scale, cap (optional), mask, softmax, context, merged
  linear_residual,  ///< roles linear, add
  swiglu,           ///< roles norm, gate, up, act, mul
  embedding,
  rope_table,
  rmsnorm,
  linear,
  add,
  silu,
  gelu_tanh,
  softcap,
  multiply  ///< one op each; its role is "op"
};

/// One kernel launch (or, for the table, one computation on the host) and the ops that it stands for.
struct PlanStep {
  StepKind kind = StepKind::linear;
  std::vector<const Op*> window;                        ///< in the graph's order
  std::map<std::string, const Op*, std::less<>> roles;  ///< an optional op that is absent has no entry
  std::map<std::string, std::string, std::less<>>
      inputs;  ///< the pattern's free inputs ("x", "q_cos", ...) -> tap path

  const Op& op(std::string_view role) const { return *roles.find(role)->second; }
  const Op* find(std::string_view role) const;
  const std::string& input(std::string_view name) const { return inputs.find(name)->second; }
};

/// Covers the graph, largest patterns first. `accept` may refuse a fused step (its ops then run one by one or in a
/// smaller pattern). The plan points into `graph`. Throws BackendError naming the first op that no kernel can run.
std::vector<PlanStep> make_plan(const OpGraph& graph, const std::function<bool(const PlanStep&)>& accept = {});

}  // namespace plumbline
