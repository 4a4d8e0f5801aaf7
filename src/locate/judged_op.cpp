// SPDX-License-Identifier: Apache-2.0
// Replay and judgement of one op on one side.
#include "locate/judged_op.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "locate/conditioning.h"
#include "locate/distribution_gate.h"
#include "locate/formats.h"
#include "locate/noise_gate.h"

namespace plumbline {
namespace {

std::string first_line(const std::string& message) { return message.substr(0, message.find('\n')); }

/// So much was replayed instead of read that the bounds decide nothing: more taps would.
struct UselessBound : InputError {
  using InputError::InputError;
};

JudgedStep judge_step(const Context& context, SideId side, const Op& op, const Contract& contract, ReplayInputs& given,
                      int64_t step) {
  const Replay& replay = side == SideId::reference ? context.reference : context.candidate;
  JudgedStep judged;
  judged.step = step;
  judged.results = evaluate_judged(op, contract, given.in, context.model_of(side).config.dtype, true);
  for (const Evaluated& result : judged.results) {
    judged.stored.emplace_back();
    judged.judgements.emplace_back();
    if (!context.pairing.has(result.spec->path)) continue;
    const bool useless = !given.through.empty() && (given.unbounded || !(relative_bound(result) <= 1.0));
    if (useless && replay.noise(result.spec->path) == nullptr)
      throw UselessBound("the bound composed over the segment is larger than the values");
    judged.stored.back() = replay.recorded(result.spec->path, step);
    judged.judgements.back() = judge(result, judged.stored.back()->view());
    if (useless) forget_bound(*judged.judgements.back());
    judged.unbounded = judged.unbounded || useless;
  }
  return judged;
}

bool nonfinite(const Judgement& judgement) { return judgement.mask_breaches > 0; }

double share_of(const Judgement& judgement) {
  return nonfinite(judgement) ? std::numeric_limits<double>::infinity() : judgement.worst_ratio;
}

/// `op` itself, not owned, unless this side holds its results in another format than the reference's graph says.
std::shared_ptr<const Op> op_of_side(const Context& context, SideId side, const Op& op) {
  if (side == SideId::reference || !context.formats_differ()) return {std::shared_ptr<const Op>(), &op};
  return std::make_shared<const Op>(retyped(op, context.model.config.dtype, context.candidate_model.config.dtype));
}

}  // namespace

std::vector<Evaluated> evaluate_judged(const Op& op, const Contract& contract, const OpInputs& in, DType dtype,
                                       bool bounds) {
  EvaluateOptions options;
  options.bounds = bounds;
  options.inner = op.kind == OpKind::rope_table;
  std::vector<Evaluated> all = evaluate(op, contract, in, dtype, options);
  std::erase_if(all, [](const Evaluated& e) { return e.spec->inner && !e.spec->path.ends_with(".inv_freq"); });
  return all;
}

std::vector<int64_t> paired_steps(const Alignment& alignment, SideId side) {
  std::set<int64_t> steps;
  for (const StepPair& pair : alignment.pairs)
    steps.insert(side == SideId::reference ? pair.reference_step : pair.candidate_step);
  return {steps.begin(), steps.end()};
}

Verdict JudgedSide::verdict() const {
  bool any = false, empty = false;
  for (const JudgedStep& step : steps) {
    for (const auto& judgement : step.judgements) {
      if (!judgement) continue;
      if (judgement->failed != Gate::none) return Verdict::failed;
      any = true;
      empty = empty || judgement->empty();
    }
  }
  return any && !empty && hidden.empty() ? Verdict::passed : Verdict::unjudged;
}

std::string JudgedSide::nothing_decided() const {
  if (!hidden.empty()) return hidden;
  for (const JudgedStep& step : steps) {
    for (size_t k = 0; k < step.judgements.size(); ++k) {
      const auto& judgement = step.judgements[k];
      if (!judgement || !judgement->empty()) continue;
      return judgement->undecided > 0
                 ? fmt::format("step {}: f32 may overflow or not at every element of {}: no result is wrong", step.step,
                               step.results[k].spec->path)
                 : fmt::format("step {}: no element of {} is finite, as its inputs have it", step.step,
                               step.results[k].spec->path);
    }
  }
  return "nothing was recorded on both sides";
}

double JudgedSide::worst_share() const {
  double worst = 0.0;
  for (const JudgedStep& step : steps)
    for (const auto& judgement : step.judgements)
      if (judgement) worst = std::max(worst, share_of(*judgement));
  return worst;
}

std::optional<JudgedSide::At> JudgedSide::worst() const {
  std::optional<At> nearest;
  double share = -1.0;
  for (size_t i = 0; i < steps.size(); ++i) {
    for (size_t k = 0; k < steps[i].judgements.size(); ++k) {
      const auto& judgement = steps[i].judgements[k];
      if (!judgement) continue;
      if (judgement->failed != Gate::none) return At{i, k};
      if (share_of(*judgement) > share) {
        share = share_of(*judgement);
        nearest = At{i, k};
      }
    }
  }
  return nearest;
}

JudgedSide judge_side(const Context& context, SideId side, const Op& op, const Contract& contract,
                      const std::vector<Array>& parameters) {
  const Replay& replay = side == SideId::reference ? context.reference : context.candidate;
  JudgedSide result;
  result.op = op_of_side(context, side, op);
  std::vector<Array> loan = parameters;  // handed from step to step instead of being copied for each
  for (const int64_t step : paired_steps(context.alignment, side)) {
    ReplayInputs given = replay.inputs(op, step);
    result.through.insert(given.through.begin(), given.through.end());
    if (!given.why_not.empty()) {
      result.why_not = given.why_not;
      result.starved = !given.through.empty();
      break;
    }
    given.in.parameters = std::move(loan);
    try {
      result.steps.push_back(judge_step(context, side, *result.op, contract, given, step));
    } catch (const UselessBound& error) {
      result.why_not = first_line(error.what());
      result.starved = result.unbounded = true;
      break;
    } catch (const Error& error) {
      result.why_not = first_line(error.what());
      break;
    }
    loan = std::move(given.in.parameters);
    given.in.parameters.clear();
    result.steps.back().in = std::move(given.in);
    result.unbounded = result.unbounded || result.steps.back().unbounded;
  }
  if (!result.why_not.empty()) result.steps.clear();
  hold_against_noise(replay, result);
  hold_against_chance(contract, result);
  return result;
}

}  // namespace plumbline
