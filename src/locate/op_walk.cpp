// SPDX-License-Identifier: Apache-2.0
// The work on one op.
#include "locate/op_walk.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "locate/codes.h"
#include "locate/conditioning.h"
#include "locate/evidence.h"
#include "locate/exactness.h"
#include "locate/judged_op.h"
#include "locate/measure.h"
#include "locate/noise_gate.h"
#include "locate/place.h"

namespace plumbline {
namespace {

/// Of a segment judged by noise: where more bits than this differ between the sides, a difference came in.
constexpr double kInheritedShare = 0.02;

/// A contract is named only if nearly every bit is the one it gives: the wrong rounding point gives 0.2 to 0.5.
constexpr double kContractMismatch = 1e-3;

OpRow empty_row(const Op& op) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  OpRow row;
  row.op = op.name;
  row.kind = op_kind_name(op.kind);
  row.layer = op.layer;
  row.contract = op.contract;
  row.own = row.reference_own = row.inherited = row.total = row.residue = row.input_difference = kNone;
  row.gain = row.benign_gain = row.benign_low = row.benign_high = row.rms_ratio = row.loudness = row.bias = kNone;
  return row;
}

std::string code_of(const Judgement& judgement) {
  switch (judgement.failed) {
    case Gate::masks: return std::string(judgement.mask_breaches > 0 ? code::kNonFinite : code::kOtherFormat);
    case Gate::size:
    case Gate::mismatch:
    case Gate::structure:
    case Gate::bias: return std::string(code::kMismatch);
    case Gate::noise: return std::string(code::kBeyondNoise);
    default: return std::string(code::kOwnError);
  }
}

int64_t element_to_show(const Judgement& judgement) {
  if (judgement.mask_breaches > 0) return judgement.mask_index;
  if (judgement.failed == Gate::mismatch) return judgement.first_mismatch;
  if (judgement.failed == Gate::structure) return judgement.excess->first;
  return judgement.worst_index >= 0 ? judgement.worst_index : std::max<int64_t>(judgement.first_mismatch, 0);
}

/// The other contract of that kind under which the candidate passes with the fewest mismatches; "" for none.
std::string fitting_contract(const Context& context, const Op& op, const std::vector<Array>& parameters) {
  std::string best;
  double fewest = kContractMismatch;
  for (const Contract* contract : contracts_for(op.kind)) {
    if (contract->name == op.contract) continue;
    const JudgedSide side = judge_side(context, SideId::candidate, op, *contract, parameters);
    if (!side.why_not.empty() || !side.passed()) continue;
    // A result that stays in f32 shows every order of accumulation in its last bits: there the bounds alone decide.
    const bool coarse = contract->grid("out") == Grid::model && context.candidate_model.config.dtype != DType::f32;
    const double share = coarse ? mismatch_of(side).share : 0.0;
    if (share >= fewest) continue;
    fewest = share;
    best = contract->name;
  }
  return best;
}

/// Where the reference's graph departs from the checkpoint's at this op (it was given a fault): does the candidate do
/// what the checkpoint says?
bool candidate_follows_checkpoint(const Context& context, const Op& op) {
  const Op* stated = context.model.graph.find(op.name);
  if (stated == nullptr || (stated->attributes == op.attributes && stated->parameters == op.parameters) ||
      stated->inputs != op.inputs)
    return false;
  OpParameters parameters;
  if (!load_parameters(*stated, context.candidate_model, parameters).empty()) return false;
  Op truth = *stated;
  truth.contract = op.contract;
  const JudgedSide side = judge_side(context, SideId::candidate, truth, find_contract(op.contract), parameters.values);
  return side.why_not.empty() && side.passed();
}

struct Dropped {
  std::string op, evidence;
  double share = 0.0;  ///< what is then left of the own error, as a multiple of its bound
};

/// An op between recorded taps that the candidate's graph does not have. Proof: with one of its inputs passed on
/// unchanged, the op that reads it passes every gate.
std::optional<Dropped> dropped_op(const Context& context, const Op& op, const std::set<std::string>& through,
                                  const std::vector<Array>& parameters) {
  for (const std::string& name : through) {
    if (context.candidate_graph.find(name) != nullptr) continue;
    const Op& dropped = *context.graph.find(name);
    for (const std::string& input : dropped.inputs) {
      Op variant = op;
      std::replace(variant.inputs.begin(), variant.inputs.end(), dropped.outputs.front().path, input);
      if (variant.inputs == op.inputs) continue;
      const JudgedSide side = judge_side(context, SideId::candidate, variant, find_contract(op.contract), parameters);
      if (side.why_not.empty() && side.passed())
        return Dropped{
            name,
            fmt::format("the candidate's graph has no {}; with {} passed on in its place, {} holds every bound", name,
                        input, op.name),
            side.worst_share()};
    }
  }
  return std::nullopt;
}

Failure failure_of(const Context& context, const Op& op, const JudgedSide& candidate, const OpRow& row,
                   const std::vector<Array>& parameters) {
  const JudgedSide::At at = *candidate.worst();
  const JudgedStep& step = candidate.steps[at.step];
  const Evaluated& result = step.results[at.result];
  const Judgement& judgement = *step.judgements[at.result];
  Failure failure;
  failure.code = code_of(judgement);
  failure.share = row.own_share;
  failure.mismatch = row.mismatch;
  failure.expected_mismatch = row.expected_mismatch;
  failure.place = place_of(context, result.spec->path, step.step, element_to_show(judgement));
  failure.window = window_at(context, failure.place, &result);
  failure.evidence = judgement_evidence(result, judgement);
  if (!candidate.by_noise.empty()) failure.evidence.insert(failure.evidence.begin(), candidate.by_noise);
  const auto add = [&failure](std::string line) {
    if (!line.empty()) failure.evidence.push_back(std::move(line));
  };
  for (std::string& line : structure_evidence(result, step.stored[at.result]->view(), judgement, failure.place.axes))
    add(std::move(line));
  add(distribution_evidence(row));
  add(input_evidence(row));
  OpInputs in = step.in;
  in.parameters = parameters;
  add(inner_evidence(context, op, in, step.step));
  failure.contract = fitting_contract(context, op, parameters);
  return failure;
}

void note_verdicts(const JudgedSide& reference, const JudgedSide& candidate, OpRow& row) {
  const Verdict of_reference = reference.verdict(), of_candidate = candidate.verdict();
  row.failed = of_candidate == Verdict::failed;
  row.reference_failed = of_reference == Verdict::failed;
  row.judged = row.failed || (of_candidate == Verdict::passed && of_reference != Verdict::unjudged);
  if (row.judged) return;
  row.reason =
      of_candidate == Verdict::unjudged ? candidate.nothing_decided() : "reference: " + reference.nothing_decided();
}

/// Takes the verdict back where neither bound nor bits can tell a right result from a wrong one.
void note_conditioning(const JudgedSide& reference, const JudgedSide& candidate, OpResult& result) {
  OpRow& row = result.row;
  if (!row.judged || row.failed || row.reference_failed) return;
  const Conditioning left = conditioning_of(reference), right = conditioning_of(candidate);
  if (!left.ill && !right.ill) return;
  row.judged = false;
  row.reason = fmt::format("gate invalid: ill-conditioned, right results may be off by {:.2g} of their size",
                           std::max(left.bound, right.bound));
  result.ill_conditioned = conditioning_evidence(left, right);
}

/// Results of the ops in `through` that were not recorded on both sides.
std::vector<std::string> missing_taps(const Context& context, const std::set<std::string>& through) {
  std::vector<std::string> paths;
  for (const Op& op : context.graph.ops) {
    if (!through.contains(op.name)) continue;
    for (const TapSpec& spec : op.outputs)
      if (!spec.inner && !context.pairing.has(spec.path)) paths.push_back(spec.path);
  }
  return paths;
}

void judge_both(const Context& context, const Op& op, OpResult& result) {
  OpParameters parameters, of_reference;  // of the candidate; of the reference where its format is another
  OpRow& row = result.row;
  row.reason = load_parameters(op, context.candidate_model, parameters);
  if (!row.reason.empty()) return;
  if (context.formats_differ()) load_parameters(op, context.model, of_reference);
  const Contract& contract = find_contract(op.contract);
  const JudgedSide reference = judge_side(context, SideId::reference, op, contract,
                                          context.formats_differ() ? of_reference.values : parameters.values);
  const JudgedSide candidate = judge_side(context, SideId::candidate, op, contract, parameters.values);
  result.through = candidate.through;
  result.through.insert(reference.through.begin(), reference.through.end());
  result.unbounded = candidate.unbounded || reference.unbounded;
  if (!candidate.why_not.empty() || !reference.why_not.empty()) {
    row.reason = candidate.why_not.empty() ? "reference: " + reference.why_not : candidate.why_not;
    if (candidate.starved || reference.starved) row.missing = missing_taps(context, result.through);
    result.needs_noise =
        (candidate.why_not.empty() || candidate.unbounded) && (reference.why_not.empty() || reference.unbounded);
    return;
  }
  note_verdicts(reference, candidate, row);
  note_conditioning(reference, candidate, result);
  if (!result.through.empty() && (!row.judged || row.failed)) row.missing = missing_taps(context, result.through);
  if (row.judged && row.reason.empty()) row.reason = candidate.by_noise;
  result.needs_noise = !result.through.empty() && !row.failed && !row.reference_failed && candidate.by_noise.empty() &&
                       (is_blunt(candidate) || is_blunt(reference));
  result.reproduced = !row.failed && !row.reference_failed;
  row.own_share = candidate.worst_share();
  row.reference_share = reference.worst_share();
  row.mismatch = mismatch_of(candidate).share;
  row.expected_mismatch = mismatch_of(candidate).expected;
  row.loudness = candidate.loudness;
  row.bias = candidate.bias;
  const OpMeasures measures = measure_split(context, op, reference, candidate, row);
  result.beyond_noise = measures.beyond_noise || row.nonfinite_differs > 0 ||
                        (!candidate.by_noise.empty() && row.unequal > kInheritedShare);
  result.explained = measures.explained;
  if (context.options.exactness && !context.formats_differ())
    measure_exactness(context, op, reference, candidate, parameters.values, row);
  result.both_fail = row.failed && row.reference_failed;
  if (row.reference_failed) {
    const JudgedSide::At at = *reference.worst();
    const JudgedStep& step = reference.steps[at.step];
    result.reference_evidence = fmt::format(
        "step {}: {}", step.step, judgement_evidence(step.results[at.result], *step.judgements[at.result]).front());
  } else if (row.failed && candidate_follows_checkpoint(context, op)) {
    row.reference_failed = true;
    result.reference_evidence =
        "the candidate computes this op as the checkpoint's config says; the reference's graph departs";
  }
  if (!row.failed || row.reference_failed) return;
  result.candidate_failure = failure_of(context, op, candidate, row, parameters.values);
  if (const auto dropped = dropped_op(context, op, result.through, parameters.values)) {
    result.candidate_failure->dropped = dropped->op;
    result.candidate_failure->evidence.insert(result.candidate_failure->evidence.begin(), dropped->evidence);
    row.own_share = dropped->share;
    row.mismatch = 0.0;
  }
}

}  // namespace

std::string load_parameters(const Op& op, const Model& model, OpParameters& parameters) {
  parameters = parameters_of(op, model);
  if (parameters.missing.empty()) return "";
  const bool only_bias =
      op.kind == OpKind::linear && op.parameters.size() == 2 && parameters.missing.front() == op.parameters.back();
  return only_bias ? "" : fmt::format("the checkpoint has no parameter {}", parameters.missing.front());
}

Mismatch mismatch_of(const JudgedSide& side) {
  Mismatch worst;
  for (const JudgedStep& step : side.steps) {
    for (const auto& judgement : step.judgements) {
      if (!judgement || judgement->count == 0) continue;
      worst.share = std::max(worst.share, judgement->mismatch_fraction());
      worst.expected = std::max(worst.expected, judgement->expected_mismatches / static_cast<double>(judgement->count));
    }
  }
  return worst;
}

OpResult walk_op(const Context& context, const Op& op) {
  OpResult result;
  result.row = empty_row(op);
  const bool recorded = std::any_of(op.outputs.begin(), op.outputs.end(),
                                    [&](const TapSpec& spec) { return !spec.inner && context.pairing.has(spec.path); });
  if (!recorded) {
    result.row.reason = "its results were not recorded on both sides";
    return result;
  }
  measure_values(context, op, result.row);
  try {
    judge_both(context, op, result);
  } catch (
      const Error& error) {  // data or a contract name that cannot be replayed; the values were compared all the same
    const std::string message = error.what();
    result.row.reason = message.substr(0, message.find('\n'));
    result.row.judged = false;
  }
  return result;
}

}  // namespace plumbline
