// SPDX-License-Identifier: Apache-2.0
#include "locate/causes.h"

#include <cmath>

#include "core/parallel.h"
#include "core/progress.h"
#include "locate/failed_op.h"

namespace plumbline {
namespace {

constexpr size_t kDiagnosed = 8;  // failures whose cause is sought: one defect seldom has more ends

/// Squares of the reference's own error, per result over all steps, and over how many elements.
void add_reference_error(const JudgedSide& reference, FailedOp& failed) {
  for (const JudgedStep& step : reference.steps) {
    failed.reference_squares.resize(step.results.size());
    failed.reference_counts.resize(step.results.size());
    for (size_t k = 0; k < step.results.size(); ++k) {
      if (!step.stored[k]) continue;
      const std::vector<double> stored = to_values(step.stored[k]->view());
      for (size_t i = 0; i < stored.size(); ++i) {
        const double error = stored[i] - step.results[k].exact.values[i];
        if (!std::isfinite(error) || std::fabs(error) > 1e30) continue;
        failed.reference_squares[k] += error * error;
        failed.reference_counts[k] += 1.0;
      }
    }
  }
}

void diagnose_one(const Context& context, const Op& op, OpResult& result) {
  OpParameters parameters;
  if (!load_parameters(op, context.candidate_model, parameters).empty()) return;
  const Contract& contract = find_contract(op.contract);
  const JudgedSide judged = judge_side(context, SideId::candidate, op, contract, parameters.values);
  if (!judged.why_not.empty()) return;
  FailedOp failed{context, op, {}, judged, parameters.values, {}, {}};
  for (const Op& member : context.graph.ops)
    if (judged.through.contains(member.name)) failed.segment.push_back(&member);
  if (!failed.segment.empty())
    add_reference_error(judge_side(context, SideId::reference, op, contract, parameters.values), failed);
  result.candidate_failure->causes = context.options.causes(failed);
}

}  // namespace

void find_causes(const Context& context, std::vector<OpResult>& results) {
  if (!context.options.causes) return;
  std::vector<size_t> failures;
  for (size_t i = 0; i < results.size() && failures.size() < kDiagnosed; ++i) {
    const auto& failure = results[i].candidate_failure;
    // Over so many ops that no bound is left, any of a thousand suppositions fits by chance.
    if (failure && failure->contract.empty() && failure->dropped.empty() && !results[i].unbounded)
      failures.push_back(i);
  }
  Progress progress("seeking causes", static_cast<int64_t>(failures.size()));
  parallel_for(static_cast<int64_t>(failures.size()), context.options.threads, [&](int64_t i) {
    const size_t at = failures[static_cast<size_t>(i)];
    diagnose_one(context, context.graph.ops[at], results[at]);
    progress.advance();
  });
}

}  // namespace plumbline
