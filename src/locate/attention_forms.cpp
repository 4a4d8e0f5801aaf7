// SPDX-License-Identifier: Apache-2.0
// Replay of segments under contracts of fused attention.
#include "locate/attention_forms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/parallel.h"
#include "locate/noise_gate.h"

namespace plumbline {
namespace {

constexpr std::array kInner{OpKind::softmax, OpKind::causal_mask, OpKind::scale, OpKind::attn_scores};

/// Contracts under which the result of a softmax exists only inside a larger kernel.
std::vector<const Contract*> fused_contracts() {
  std::vector<const Contract*> fused = contracts_for(OpKind::softmax);
  std::erase_if(fused, [](const Contract* contract) { return !contract->has_stage("inner"); });
  return fused;
}

/// The ops of one attention that ends at `context_op`, from the scores on; empty if one of them was recorded.
std::vector<std::string> whole_attention(const OpGraph& graph, const Op& context_op,
                                         const std::set<std::string>& through) {
  std::vector<std::string> ops{context_op.name};
  const Op* reader = &context_op;
  for (const OpKind kind : kInner) {
    reader = graph.producer(reader->inputs.front());
    if (reader == nullptr || reader->kind != kind || !through.contains(reader->name)) return {};
    ops.push_back(reader->name);
  }
  return ops;
}

/// A failed end, and the ops of the attentions in its segment.
struct Suspect {
  size_t end = 0;
  std::set<std::string> attention;
  std::string cannot_exclude = "";  ///< a contract that noise would hide, and what it hides
};

std::vector<Suspect> suspects_of(const OpGraph& graph, const std::vector<OpResult>& results) {
  std::vector<Suspect> suspects;
  for (size_t i = 0; i < results.size(); ++i) {
    const bool open = !results[i].row.judged && results[i].row.compared && !results[i].through.empty();
    if (!results[i].candidate_failure && !open) continue;
    Suspect suspect{i, {}, ""};
    for (const Op& op : graph.ops) {
      if (op.kind != OpKind::attn_context) continue;
      if (op.name != graph.ops[i].name && !results[i].through.contains(op.name)) continue;
      const std::vector<std::string> ops = whole_attention(graph, op, results[i].through);
      suspect.attention.insert(ops.begin(), ops.end());
    }
    if (!suspect.attention.empty()) suspects.push_back(std::move(suspect));
  }
  return suspects;
}

/// What a side that does not fail under some contract leaves.
struct Fit {
  double share = 0.0;
  Mismatch mismatch;
  std::string by_noise;
  std::string undecided;  ///< why it does not pass either
};

class Forms {
 public:
  Forms(const Context& context, const std::vector<Step>& steps, const OpGraph& view, std::vector<OpResult>& results)
      : context_(context), steps_(steps), view_(view), results_(results), suspects_(suspects_of(view, results)) {}

  bool none() const { return suspects_.empty(); }

  /// Judges every suspect under that contract; gives how many it explains and takes those off the list.
  int64_t try_contract(const Contract& contract) {
    OpGraph graph = view_;
    for (Op& op : graph.ops)
      if (std::any_of(suspects_.begin(), suspects_.end(), [&](const auto& s) { return s.attention.contains(op.name); }))
        op.contract = contract.name;
    Replay replay(context_.candidate_trace, steps_, graph, context_.candidate_model, context_.pairing);
    replay.prepare();
    const Context changed = with(graph, replay);
    draw_noise(changed, replay);
    std::vector<std::optional<Fit>> fits(suspects_.size());
    parallel_for(static_cast<int64_t>(suspects_.size()), context_.options.threads, [&](int64_t i) {
      const JudgedSide side = judge(changed, suspects_[static_cast<size_t>(i)]);
      if (side.why_not.empty() && side.verdict() != Verdict::failed)
        fits[static_cast<size_t>(i)] =
            Fit{side.worst_share(), mismatch_of(side), side.by_noise, side.passed() ? "" : side.nothing_decided()};
    });
    return settle(contract, fits);
  }

  /// Suspects that may follow a contract, as far as noise lets one see: nothing is known of them.
  void leave_open() {
    if (!context_.candidate_trace.header().graph_json.empty()) return;  // it says what it follows
    for (const Suspect& suspect : suspects_) {
      OpResult& result = results_[suspect.end];
      if (suspect.cannot_exclude.empty() || !result.candidate_failure) continue;
      result.candidate_failure.reset();
      result.row.failed = result.row.judged = false;
      result.row.reason = suspect.cannot_exclude;
    }
  }

 private:
  Context with(const OpGraph& graph, const Replay& replay) const {
    return {context_.options,
            context_.model,
            context_.candidate_model,
            graph,
            context_.candidate_graph,
            context_.reference_trace,
            context_.candidate_trace,
            context_.alignment,
            context_.pairing,
            context_.reference,
            replay};
  }

  JudgedSide judge(const Context& changed, const Suspect& suspect) const {
    const Op& op = changed.graph.ops[suspect.end];
    OpParameters parameters;
    load_parameters(op, context_.candidate_model, parameters);
    return judge_side(changed, SideId::candidate, op, find_contract(op.contract), parameters.values);
  }

  /// Limits of noise where the bounds alone would let anything pass.
  void draw_noise(const Context& changed, Replay& replay) const {
    std::set<std::string> ends, members;
    for (const Suspect& suspect : suspects_) {
      const JudgedSide side = judge(changed, suspect);
      if (!side.unbounded && !(side.passed() && is_blunt(side))) continue;
      ends.insert(changed.graph.ops[suspect.end].name);
      members.insert(results_[suspect.end].through.begin(), results_[suspect.end].through.end());
    }
    if (!ends.empty()) replay.hold_to(segment_noise(replay, ends, members, context_.options.seed));
  }

  int64_t settle(const Contract& contract, const std::vector<std::optional<Fit>>& fits) {
    std::vector<Suspect> left;
    for (size_t i = 0; i < suspects_.size(); ++i) {
      if (fits[i] && fits[i]->undecided.empty()) {
        accept(contract, suspects_[i], *fits[i]);
        continue;
      }
      if (fits[i] && suspects_[i].cannot_exclude.empty())
        suspects_[i].cannot_exclude = fmt::format("attention may follow {}: {}", contract.name, fits[i]->undecided);
      left.push_back(std::move(suspects_[i]));
    }
    const auto explained = static_cast<int64_t>(fits.size() - left.size());
    suspects_ = std::move(left);
    return explained;
  }

  void accept(const Contract& contract, const Suspect& suspect, const Fit& fit) {
    OpResult& result = results_[suspect.end];
    const bool states_graph = !context_.candidate_trace.header().graph_json.empty();
    if (states_graph && !result.candidate_failure) return;  // what it states otherwise is a finding of its own
    for (size_t i = 0; i < results_.size(); ++i)
      if (suspect.attention.contains(view_.ops[i].name)) results_[i].form = contract.name;
    result.row.own_share = fit.share;
    result.row.mismatch = fit.mismatch.share;
    result.row.expected_mismatch = fit.mismatch.expected;
    if (states_graph) {
      result.candidate_failure->contract = contract.name;
      return;
    }
    result.candidate_failure.reset();
    result.row.failed = false;
    const std::string unjudged = reference_unjudged(suspect);
    result.row.judged = unjudged.empty() && !result.row.reference_failed;
    if (result.row.judged) result.row.missing.clear();
    result.row.reason = unjudged.empty() ? fmt::format("attention follows {}; the candidate states no contract{}",
                                                       contract.name, fit.by_noise.empty() ? "" : "; " + fit.by_noise)
                                         : "reference: " + unjudged;
  }

  /// Why the reference's own segment has no verdict; "" if it has one.
  std::string reference_unjudged(const Suspect& suspect) const {
    const Op& op = context_.graph.ops[suspect.end];
    OpParameters parameters;
    load_parameters(op, context_.model, parameters);
    const JudgedSide side = judge_side(context_, SideId::reference, op, find_contract(op.contract), parameters.values);
    if (!side.why_not.empty()) return side.why_not;
    return side.verdict() == Verdict::unjudged ? side.nothing_decided() : "";
  }

  const Context& context_;
  const std::vector<Step>& steps_;
  const OpGraph& view_;
  std::vector<OpResult>& results_;
  std::vector<Suspect> suspects_;
};

}  // namespace

void try_attention_forms(const Context& context, const std::vector<Step>& steps, const OpGraph& view,
                         std::vector<OpResult>& results, std::vector<std::string>& notes) {
  Forms forms(context, steps, view, results);
  for (const Contract* contract : fused_contracts()) {
    if (forms.none()) return;
    const int64_t explained = forms.try_contract(*contract);
    if (explained > 0)
      notes.push_back(fmt::format("{} attention{} of the candidate follow{} {}: {}", explained,
                                  explained == 1 ? "" : "s", explained == 1 ? "s" : "", contract->name,
                                  contract->summary));
  }
  forms.leave_open();
}

}  // namespace plumbline
