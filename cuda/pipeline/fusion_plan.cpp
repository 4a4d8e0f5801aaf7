// SPDX-License-Identifier: Apache-2.0
// Patterns as data, and the matcher: a pattern fits if its ops are the next ones of the graph, in any order among
// themselves, joined as the pattern says. Invariant: fusion_plan.h.
#include "cuda/pipeline/fusion_plan.h"

#include <algorithm>
#include <set>

#include <plumbline/error.h>

namespace plumbline {
namespace {

/// Inputs are roles of the same pattern or, with '$', free inputs: equal names must be equal paths.
struct PatternOp {
  std::string_view role;
  OpKind kind;
  std::vector<std::string_view> inputs;
  bool optional = false;  ///< if absent, its first input stands for it
  bool by_head = false;   ///< of norms: each head by itself, not all of them as one row
};

struct Pattern {
  StepKind step;
  std::vector<std::string_view> results;  ///< roles whose values later ops may read
  std::vector<PatternOp> ops;
};

const std::vector<Pattern>& patterns() {
  using enum OpKind;
  static const std::vector<Pattern> list = {
      {StepKind::norm_qkv,
       {"q", "k", "v"},
       {{"norm", rmsnorm, {"$x"}}, {"q", linear, {"norm"}}, {"k", linear, {"norm"}}, {"v", linear, {"norm"}}}},
      {StepKind::heads,
       {"q_rope", "k_cache", "v_cache"},
       {{"q_norm", rmsnorm, {"$q"}, true, true},
        {"k_norm", rmsnorm, {"$k"}, true, true},
        {"q_heads", split_heads, {"q_norm"}},
        {"k_heads", split_heads, {"k_norm"}},
        {"v_heads", split_heads, {"$v"}},
        {"q_rope", rope, {"q_heads", "$q_cos", "$q_sin"}},
        {"k_rope", rope, {"k_heads", "$k_cos", "$k_sin"}},
        {"k_cache", kv_append, {"k_rope"}},
        {"v_cache", kv_append, {"v_heads"}}}},
      {StepKind::attention,
       {"merged"},
       {{"scores", attn_scores, {"$q", "$k"}},
        {"scale", scale, {"scores"}},
        {"cap", softcap, {"scale"}, true},
        {"mask", causal_mask, {"cap"}},
        {"softmax", softmax, {"mask"}},
        {"context", attn_context, {"softmax", "$v"}},
        {"merged", merge_heads, {"context"}}}},
      {StepKind::swiglu,
       {"mul"},
       {{"norm", rmsnorm, {"$x"}},
        {"gate", linear, {"norm"}},
        {"up", linear, {"norm"}},
        {"act", silu, {"gate"}},
        {"mul", multiply, {"act", "up"}}}},
      {StepKind::swiglu,
       {"mul"},
       {{"norm", rmsnorm, {"$x"}},
        {"gate", linear, {"norm"}},
        {"up", linear, {"norm"}},
        {"act", gelu_tanh, {"gate"}},
        {"mul", multiply, {"act", "up"}}}},
      {StepKind::linear_residual, {"add"}, {{"linear", linear, {"$x"}}, {"add", add, {"$residual", "linear"}}}},
      {StepKind::linear_residual, {"add"}, {{"linear", linear, {"$x"}}, {"add", add, {"linear", "$residual"}}}},
      {StepKind::embedding, {"op"}, {{"op", embedding, {"$tokens"}}}},
      {StepKind::rope_table, {"op"}, {{"op", rope_table, {"$positions"}}}},
      {StepKind::rmsnorm, {"op"}, {{"op", rmsnorm, {"$x"}}}},
      {StepKind::linear, {"op"}, {{"op", linear, {"$x"}}}},
      {StepKind::add, {"op"}, {{"op", add, {"$a", "$b"}}}},
      {StepKind::silu, {"op"}, {{"op", silu, {"$a"}}}},
      {StepKind::gelu_tanh, {"op"}, {{"op", gelu_tanh, {"$a"}}}},
      {StepKind::softcap, {"op"}, {{"op", softcap, {"$a"}}}},
      {StepKind::multiply, {"op"}, {{"op", multiply, {"$a", "$b"}}}},
  };
  return list;
}

/// Fits one pattern to the ops that start at `first`, with backtracking (patterns have at most nine ops).
class Matcher {
 public:
  Matcher(const OpGraph& graph, size_t first, const Pattern& pattern)
      : graph_(graph), first_(first), pattern_(pattern) {}

  bool match() { return extend(0); }

  PlanStep step() const {
    PlanStep step;
    step.kind = pattern_.step;
    for (const size_t index : claimed_) step.window.push_back(&graph_.ops[index]);
    for (const auto& [role, index] : roles_) step.roles.emplace(role, &graph_.ops[index]);
    for (const auto& [name, path] : bound_) {
      if (name.front() == '$') step.inputs.emplace(name.substr(1), path);
    }
    return step;
  }

 private:
  using Bindings = std::map<std::string_view, std::string>;

  bool extend(size_t position) {
    if (position == pattern_.ops.size()) return is_run() && reads_from_outside() && keeps_inner_values();
    const PatternOp& wanted = pattern_.ops[position];
    const size_t end = std::min(graph_.ops.size(), first_ + pattern_.ops.size());
    for (size_t index = first_; index < end; ++index) {
      if (claimed_.contains(index)) continue;
      const Bindings before = bound_;
      if (bind(wanted, graph_.ops[index])) {
        claimed_.insert(index);
        roles_[wanted.role] = index;
        if (extend(position + 1)) return true;
        claimed_.erase(index);
        roles_.erase(wanted.role);
      }
      bound_ = before;
    }
    if (!wanted.optional) return false;
    stands_for_[wanted.role] = wanted.inputs.front();
    if (extend(position + 1)) return true;
    stands_for_.erase(wanted.role);
    return false;
  }

  std::string_view resolve(std::string_view name) const {
    const auto found = stands_for_.find(name);
    return found == stands_for_.end() ? name : resolve(found->second);
  }

  bool bind(const PatternOp& wanted, const Op& op) {
    if (op.kind != wanted.kind || op.inputs.size() != wanted.inputs.size() || op.outputs.empty()) return false;
    if (wanted.by_head && integer(op, "heads") == 0) return false;
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      const std::string_view name = resolve(wanted.inputs[i]);
      const auto [entry, fresh] = bound_.emplace(name, op.inputs[i]);
      if (fresh ? name.front() != '$' : entry->second != op.inputs[i]) return false;
    }
    bound_[wanted.role] = op.outputs.front().path;
    return true;
  }

  bool is_run() const {
    return !claimed_.empty() && *claimed_.rbegin() == first_ + claimed_.size() - 1 && *claimed_.begin() == first_;
  }

  /// No free input is a value that the step itself makes: an addition of an operand to itself is not a residual.
  bool reads_from_outside() const {
    return std::ranges::none_of(bound_, [&](const auto& entry) {
      if (entry.first.front() != '$') return false;
      return std::ranges::any_of(claimed_, [&](size_t index) {
        return std::ranges::find(graph_.ops[index].outputs, entry.second, &TapSpec::path) !=
               graph_.ops[index].outputs.end();
      });
    });
  }

  bool keeps_inner_values() const {
    std::set<std::string_view> inner;
    for (const auto& [role, index] : roles_) {
      if (std::ranges::find(pattern_.results, role) != pattern_.results.end()) continue;
      for (const TapSpec& output : graph_.ops[index].outputs) inner.insert(output.path);
    }
    for (size_t index = first_ + claimed_.size(); index < graph_.ops.size(); ++index) {
      for (const std::string& input : graph_.ops[index].inputs) {
        if (inner.contains(input)) return false;
      }
    }
    return true;
  }

  const OpGraph& graph_;
  const size_t first_;
  const Pattern& pattern_;
  Bindings bound_;                                           // role or free input -> tap path
  std::map<std::string_view, std::string_view> stands_for_;  // absent optional role -> its input
  std::map<std::string_view, size_t> roles_;
  std::set<size_t> claimed_;
};

[[noreturn]] void fail_plan(const Op& op) {
  throw BackendError("kernels: no kernel runs op '" + op.name + "' as the graph has it",
                     {"kind      " + std::string(op_kind_name(op.kind)), "contract  " + op.contract},
                     "run this graph with --backend torch or --backend oracle, which take it op by op");
}

}  // namespace

const Op* PlanStep::find(std::string_view role) const {
  const auto found = roles.find(role);
  return found == roles.end() ? nullptr : found->second;
}

std::vector<PlanStep> make_plan(const OpGraph& graph, const std::function<bool(const PlanStep&)>& accept) {
  std::vector<PlanStep> plan;
  for (size_t at = 0; at < graph.ops.size(); at += plan.back().window.size()) {
    bool found = false;
    for (const Pattern& pattern : patterns()) {
      Matcher matcher(graph, at, pattern);
      if (!matcher.match()) continue;
      PlanStep step = matcher.step();
      if (step.window.size() > 1 && accept && !accept(step)) continue;
      plan.push_back(std::move(step));
      found = true;
      break;
    }
    if (!found) fail_plan(graph.ops[at]);
  }
  return plan;
}

}  // namespace plumbline
