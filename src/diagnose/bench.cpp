// SPDX-License-Identifier: Apache-2.0
// Replay of the chain. Values that an earlier member of the chain makes replace those of the declared replay.
#include "diagnose/bench.h"

#include <plumbline/error.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "oracle/uncertain.h"

namespace plumbline {
namespace {

void take_chain_values(const Op& op, const std::map<std::string, Array>& made, OpInputs& in) {
  for (size_t i = 0; i < op.inputs.size() && i < in.inputs.size(); ++i)
    if (const auto found = made.find(op.inputs[i]); found != made.end()) in.inputs[i] = found->second;
}

void round_results(std::vector<Evaluated>& results, const Mistake* mistake) {
  for (Evaluated& result : results) {
    const Rounder grid(result.dtype);
    const bool own = mistake != nullptr && mistake->rounding;
    result.rounded.resize(result.exact.values.size());
    for (size_t i = 0; i < result.rounded.size(); ++i) {
      const double exact = result.exact.values[i];
      result.rounded[i] = own ? mistake->rounding(exact, result.dtype) : grid.round(exact);
    }
  }
}

/// The declared replay's uncertainty, smaller where the mistaken result is.
double sigma_of(const Evaluated& declared, size_t i, double exact) {
  if (i >= declared.sigma.size()) return 0.0;
  const double size = std::fabs(declared.exact.values[i]);
  return std::fabs(exact) < size ? declared.sigma[i] * std::fabs(exact) / size : declared.sigma[i];
}

}  // namespace

Bench::Bench(const FailedOp& failed)
    : failed_(failed), dtype_(failed.context.candidate_model.config.dtype), mask_(failed.context.mask()) {
  chain_ = failed.segment;
  chain_.push_back(&failed.op);
  for (const JudgedStep& judged : failed.judged.steps) {
    BenchStep step;
    step.facts = {steps_.size(), judged.step, judged.in.first_position};
    for (const Op* op : chain_) {
      const bool last = op == &failed.op;
      OpInputs in = last ? judged.in : failed.context.candidate.inputs(*op, judged.step).in;
      in.input_bounds.clear();
      in.past_bounds.reset();
      in.parameters = last ? failed.parameters : parameters_of(*op, failed.context.candidate_model).values;
      step.given.push_back(std::move(in));
    }
    for (size_t k = 0; k < judged.results.size(); ++k) {
      if (!judged.stored[k]) continue;
      step.results.push_back(judged.results[k]);
      step.index.push_back(k);
      step.stored.push_back(to_values(judged.stored[k]->view()));
    }
    if (!step.results.empty()) steps_.push_back(std::move(step));
  }
  declared_ = score_of(nullptr);
}

std::vector<Evaluated> Bench::replay(const BenchStep& step, const Mistake* mistake,
                                     std::map<std::string, Array>& past) const {
  std::map<std::string, Array> made;
  std::vector<Evaluated> results;
  for (size_t m = 0; m < chain_.size(); ++m) {
    const bool mistaken = mistake != nullptr && mistake->member == m;
    const Op& op = mistaken && mistake->op ? *mistake->op : *chain_[m];
    OpInputs in = step.given[m];
    take_chain_values(op, made, in);
    const bool last = m + 1 == chain_.size();
    if (!last && op.kind == OpKind::kv_append && past.contains(op.outputs.front().path))
      in.past = past[op.outputs.front().path];
    if (mistaken && mistake->inputs) mistake->inputs(in, step.facts);
    results = evaluate_judged(op, find_contract(op.contract), in, dtype_, false);
    if (mistaken && mistake->results) mistake->results(results, in, step.facts);
    round_results(results, mistaken ? mistake : nullptr);
    if (last) break;
    for (Evaluated& result : results) made[result.spec->path] = {result.exact.shape, result.rounded};
    if (op.kind == OpKind::kv_append) past[op.outputs.front().path] = made[op.outputs.front().path];
  }
  return results;
}

Score Bench::score_of(const Mistake* mistake) const {
  Score score;
  std::map<std::string, Array> past;
  for (const BenchStep& step : steps_) {
    const std::vector<Evaluated> results = replay(step, mistake, past);
    score.results.resize(std::max(score.results.size(), step.results.size()));
    for (size_t k = 0; k < step.results.size(); ++k) {
      if (step.index[k] >= results.size()) return {};
      const Evaluated& result = results[step.index[k]];
      if (result.exact.values.size() != step.stored[k].size()) return {};
      const Rounder grid(result.dtype);
      for (size_t i = 0; i < step.stored[k].size(); ++i) {
        const double exact = result.exact.values[i];
        // Stored by another rule than to nearest, the replayed bits themselves are what to compare with.
        const double target = mistake != nullptr && mistake->rounding ? result.rounded[i] : exact;
        const double spacing = std::isfinite(exact) ? grid.spacing(exact) : 0.0;
        score.results[k].add(step.stored[k][i], target, result.rounded[i], spacing, sigma_of(step.results[k], i, exact),
                             mask_);
      }
    }
  }
  if (!is_segment()) return score;
  for (size_t k = 0; k < score.results.size(); ++k) {  // composed uncertainties are worst cases: measure instead
    ResultScore& result = score.results[k];
    if (k < failed_.reference_squares.size() && failed_.reference_squares[k] > 0.0 && failed_.reference_counts[k] > 0.0)
      result.floor = failed_.reference_squares[k] / failed_.reference_counts[k] * static_cast<double>(result.count);
  }
  return score;
}

Score Bench::score(const Mistake& mistake) const {
  try {
    return score_of(&mistake);
  } catch (const Error&) {
    return {};  // the supposition does not fit this op
  } catch (const std::out_of_range&) {
    return {};  // nor the shapes that it was recorded in
  }
}

const Array* Bench::recorded(const std::string& path, const BenchStep& step) const {
  const auto key = std::pair(path, step.facts.step);
  if (const auto found = taps_.find(key); found != taps_.end()) return &found->second;
  const TapEntry* entry = failed_.context.candidate_trace.find(path, step.facts.step);
  if (entry == nullptr) return nullptr;
  return &taps_.emplace(key, to_array(failed_.context.candidate_trace.read(*entry).view())).first->second;
}

}  // namespace plumbline
