// SPDX-License-Identifier: Apache-2.0
// Replay without intermediate roundings, and distances from it.
#include "locate/exactness.h"

#include <algorithm>
#include <cmath>

#include "locate/selection.h"
#include "locate/split.h"

namespace plumbline {
namespace {

/// The square of an error that is uniform in [-h, h] has the variance h^4/5 - (h^2/3)^2.
constexpr double kVarianceOfSquare = 4.0 / 45.0;

/// The contract with every inner rounding to the model's format left out; what the result is held in stays.
Contract without_inner_roundings(const Contract& contract) {
  Contract exact = contract;
  for (Stage& stage : exact.stages)
    if (stage.name != "out" && stage.grid == Grid::model) stage.grid = Grid::f32;
  return exact;
}

bool rounds_inside(const Contract& contract) {
  return std::any_of(contract.stages.begin(), contract.stages.end(),
                     [](const Stage& stage) { return stage.name != "out" && stage.grid == Grid::model; });
}

struct Distance {
  double squares = 0.0, size = 0.0;  // sums of squares of the error and of the exact result
  double share = 0.0;                // largest error as a multiple of the bound of one output rounding
  double variance = 0.0;             // of `squares`, if every error is a rounding within its bound
  void add(double stored, double exact, double bound) {
    const double error = std::fabs(stored - exact);
    squares += error * error;
    size += exact * exact;
    variance += kVarianceOfSquare * std::pow(bound, 4);
    if (error > 0.0) share = std::max(share, error / bound);
  }
  double relative() const { return squares == 0.0 ? 0.0 : std::sqrt(squares / size); }
};

/// One result on one side: what is stored beside what exact arithmetic gives.
struct Sample {
  std::vector<double> stored, exact, bound;
};

Sample sample_of(const JudgedStep& step, const Evaluated& result, size_t k, const Selection& selection) {
  return {gather(to_values(step.stored[k]->view()), selection), gather(result.exact.values, selection),
          gather(result.bound, selection)};
}

void add_pair(const Sample& reference, const Sample& candidate, double mask, Distance& of_reference,
              Distance& of_candidate) {
  const auto usable = [mask](double stored, double exact, double bound) {
    return std::isfinite(stored) && std::fabs(exact) < mask && std::isfinite(bound);
  };
  for (size_t i = 0; i < candidate.stored.size(); ++i) {
    if (!usable(reference.stored[i], reference.exact[i], reference.bound[i]) ||
        !usable(candidate.stored[i], candidate.exact[i], candidate.bound[i]))
      continue;
    of_reference.add(reference.stored[i], reference.exact[i], reference.bound[i]);
    of_candidate.add(candidate.stored[i], candidate.exact[i], candidate.bound[i]);
  }
}

const JudgedStep* step_of(const JudgedSide& side, int64_t step) {
  const auto found =
      std::find_if(side.steps.begin(), side.steps.end(), [&](const JudgedStep& judged) { return judged.step == step; });
  return found == side.steps.end() ? nullptr : &*found;
}

}  // namespace

void measure_exactness(const Context& context, const Op& op, const JudgedSide& reference, const JudgedSide& candidate,
                       const std::vector<Array>& parameters, OpRow& row) {
  const Contract& declared = find_contract(op.contract);
  const Contract exact = without_inner_roundings(declared);
  const bool again = rounds_inside(declared);
  const auto replay = [&](const JudgedStep& step) {
    if (!again) return std::vector<Evaluated>();
    OpInputs in = step.in;
    in.parameters = parameters;
    return evaluate(op, exact, in, context.model.config.dtype);
  };
  Distance of_reference, of_candidate;
  const double mask = context.mask();
  for (const StepPair& pair : context.alignment.pairs) {
    const JudgedStep* left = step_of(reference, pair.reference_step);
    const JudgedStep* right = step_of(candidate, pair.candidate_step);
    if (left == nullptr || right == nullptr) continue;
    const std::vector<Evaluated> left_again = replay(*left), right_again = replay(*right);
    for (size_t k = 0; k < right->results.size(); ++k) {
      if (!left->stored[k] || !right->stored[k]) continue;
      const std::vector<std::string>& axes = context.pairing.usable.at(right->results[k].spec->path);
      std::string why_not;
      const auto a = select(left->stored[k]->shape(), axes, pair, SideId::reference, why_not);
      const auto b = select(right->stored[k]->shape(), axes, pair, SideId::candidate, why_not);
      if (!a || !b) continue;
      add_pair(sample_of(*left, again ? left_again[k] : left->results[k], k, *a),
               sample_of(*right, again ? right_again[k] : right->results[k], k, *b), mask, of_reference, of_candidate);
    }
  }
  row.exact_own = of_candidate.relative();
  row.exact_reference_own = of_reference.relative();
  row.exact_share = of_candidate.share;
  row.exact_reference_share = of_reference.share;
  const double spread = std::sqrt(of_reference.variance + of_candidate.variance);
  const double difference = of_candidate.squares - of_reference.squares;
  row.exact_excess = difference == 0.0 ? 0.0 : difference / spread;
}

}  // namespace plumbline
