// SPDX-License-Identifier: Apache-2.0
// Metrics and split of an op, block by block (a block: the common positions of one step of each side).
#include "locate/measure.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "locate/split.h"

namespace plumbline {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

const JudgedStep* step_of(const JudgedSide& side, int64_t step) {
  const auto found =
      std::find_if(side.steps.begin(), side.steps.end(), [&](const JudgedStep& judged) { return judged.step == step; });
  return found == side.steps.end() ? nullptr : &*found;
}

/// Axis names of an op's input as the graph declares them.
std::vector<std::string> declared_axes(const OpGraph& graph, const std::string& path) {
  if (const Op* producer = graph.producer(path))
    for (const TapSpec& spec : producer->outputs)
      if (spec.path == path) return spec.axes;
  return {"token"};
}

std::vector<std::string> input_axes(const Context& context, const std::string& path) {
  const auto usable = context.pairing.usable.find(path);
  return usable != context.pairing.usable.end() ? usable->second : declared_axes(context.graph, path);
}

bool is_graph_input(const OpGraph& graph, const std::string& path) {
  return std::find(graph.inputs.begin(), graph.inputs.end(), path) != graph.inputs.end();
}

bool same_nonfinite(const std::vector<double>& expected, const std::vector<double>& actual) {
  for (size_t i = 0; i < expected.size(); ++i)
    if (std::isfinite(expected[i]) != std::isfinite(actual[i])) return false;
  return true;
}

/// Relative difference of all inputs of one block: root of the sum of squares over inputs. NaN if one side alone is NaN
/// or infinite somewhere: no norm says how far that is.
double input_difference(const Context& context, const Op& op, const StepPair& pair, const JudgedStep& reference,
                        const JudgedStep& candidate) {
  double sum = 0.0;
  const double mask = context.mask();
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    if (is_graph_input(context.graph, op.inputs[i])) continue;
    const std::vector<std::string> axes = input_axes(context, op.inputs[i]);
    std::string why_not;
    const auto left = select(reference.in.inputs[i].shape, axes, pair, SideId::reference, why_not);
    const auto right = select(candidate.in.inputs[i].shape, axes, pair, SideId::candidate, why_not);
    if (!left || !right || left->shape != right->shape) return kNone;
    const std::vector<double> expected = gather(reference.in.inputs[i].values, *left);
    const std::vector<double> actual = gather(candidate.in.inputs[i].values, *right);
    if (!same_nonfinite(expected, actual)) return kNone;
    const double relative = relative_difference(expected, actual, mask);
    sum += relative * relative;
  }
  return std::sqrt(sum);
}

bool any_beyond(const std::vector<double>& expected, const std::vector<double>& actual,
                const std::vector<double>& bound_a, const std::vector<double>& bound_b) {
  for (size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::fabs(actual[i] - expected[i]);
    if (std::isnan(difference) ? std::isnan(expected[i]) != std::isnan(actual[i])
                               : difference > bound_a[i] + bound_b[i])
      return true;
  }
  return false;
}

struct Block {
  Split split;
  bool beyond = false;
};

/// Sums over all results of the op that both sides recorded, for one pair of steps.
Block block_of(const Context& context, const StepPair& pair, const JudgedStep& reference, const JudgedStep& candidate) {
  Block block;
  const double mask = context.mask();
  for (size_t k = 0; k < candidate.results.size(); ++k) {
    if (!candidate.stored[k] || !reference.stored[k]) continue;
    const std::vector<std::string>& axes = context.pairing.usable.at(candidate.results[k].spec->path);
    std::string why_not;
    const auto left = select(reference.stored[k]->shape(), axes, pair, SideId::reference, why_not);
    const auto right = select(candidate.stored[k]->shape(), axes, pair, SideId::candidate, why_not);
    if (!left || !right) continue;
    const std::vector<double> y_r = gather(to_values(reference.stored[k]->view()), *left);
    const std::vector<double> y_c = gather(to_values(candidate.stored[k]->view()), *right);
    const Evaluated& f_r = reference.results[k];
    const Evaluated& f_c = candidate.results[k];
    block.split.add(split_of(y_r, gather(f_r.exact.values, *left), y_c, gather(f_c.exact.values, *right), mask));
    block.beyond = block.beyond || any_beyond(y_r, y_c, gather(f_r.bound, *left), gather(f_c.bound, *right));
  }
  return block;
}

/// Not so in every step, where values alone are compared.
bool on_both_sides(const Context& context, const std::string& path, const StepPair& pair) {
  return context.reference_trace.find(path, pair.reference_step) != nullptr &&
         context.candidate_trace.find(path, pair.candidate_step) != nullptr;
}

void raise(double& worst, double value) {
  if (!std::isnan(value)) worst = std::isnan(worst) ? value : std::max(worst, value);
}

struct Totals {
  double error = 0.0, size = 0.0;
  int64_t mismatches = 0, count = 0;
};

void add_metrics(const Metrics& metrics, OpRow& row, Totals& totals) {
  row.max_abs = std::max(row.max_abs, metrics.max_abs);
  row.cosine = std::min(row.cosine, 1.0 - metrics.one_minus_cosine);
  row.nonfinite_differs += metrics.nan_only_expected + metrics.nan_only_actual + metrics.inf_only_expected +
                           metrics.inf_only_actual + metrics.inf_opposite;
  row.nonfinite_both += metrics.nan_both + metrics.inf_both;
  row.elements += metrics.count;
  raise(row.total, metrics.relative_l2);
  totals.error += metrics.norm_error * metrics.norm_error;
  totals.size += metrics.norm_expected * metrics.norm_expected;
  totals.mismatches += metrics.mismatches;
  totals.count += metrics.count;
}

}  // namespace

void for_each_measured(const Context& context, const Op& op, const std::function<bool(const MeasuredResult&)>& visit) {
  for (const TapSpec& output : op.outputs) {
    const auto usable = context.pairing.usable.find(output.path);
    if (output.inner || usable == context.pairing.usable.end()) continue;
    for (const StepPair& pair : context.alignment.pairs) {
      if (!on_both_sides(context, output.path, pair)) continue;
      const Tensor expected = context.reference.recorded(output.path, pair.reference_step);
      const Tensor actual = context.candidate.recorded(output.path, pair.candidate_step);
      std::string why_not;
      const auto left = select(expected.shape(), usable->second, pair, SideId::reference, why_not);
      const auto right = select(actual.shape(), usable->second, pair, SideId::candidate, why_not);
      if (!left || !right) continue;
      Metrics metrics = compare(gather(expected, *left).view(), gather(actual, *right).view(), {1, 0.0});
      if (!visit({output, pair, metrics, *right})) return;
    }
  }
}

void measure_values(const Context& context, const Op& op, OpRow& row) {
  Totals totals;
  row.total = kNone;
  for_each_measured(context, op, [&](const MeasuredResult& measured) {
    add_metrics(measured.metrics, row, totals);
    return true;
  });
  row.compared = totals.count > 0;
  if (!row.compared) return;
  row.nmse = totals.error == 0.0 ? 0.0 : totals.error / totals.size;
  row.unequal = static_cast<double>(totals.mismatches) / static_cast<double>(totals.count);
}

OpMeasures measure_split(const Context& context, const Op& op, const JudgedSide& reference, const JudgedSide& candidate,
                         OpRow& row) {
  OpMeasures measures;
  row.own = row.reference_own = row.inherited = row.residue = row.gain = row.input_difference = kNone;
  double total = kNone, own = 0.0, reference_own = 0.0;
  double largest = -1.0;
  for (const StepPair& pair : context.alignment.pairs) {
    const JudgedStep* left = step_of(reference, pair.reference_step);
    const JudgedStep* right = step_of(candidate, pair.candidate_step);
    if (left == nullptr || right == nullptr) continue;
    const Block block = block_of(context, pair, *left, *right);
    const Split& split = block.split;
    measures.split = true;
    own += split.own;
    reference_own += split.reference_own;
    measures.beyond_noise = measures.beyond_noise || block.beyond;
    raise(total, split.relative(split.total));
    raise(row.own, split.relative(split.own));
    raise(row.reference_own, split.relative(split.reference_own));
    raise(row.inherited, split.relative(split.inherited));
    raise(row.residue, split.relative(split.residue));
    const double inputs = input_difference(context, op, pair, *left, *right);
    raise(row.input_difference, inputs);
    const double inherited = split.relative(split.inherited);
    if (!(inherited > largest)) continue;
    // Gain and explained share are those of the block that inherits most.
    largest = inherited;
    row.gain = inputs > 0.0 ? inherited / inputs : kNone;
    measures.explained = split.total > 0.0 ? 1.0 - split.unexplained / split.total : 0.0;
  }
  row.rms_ratio = own == 0.0 && reference_own == 0.0 ? kNone : std::sqrt(own / reference_own);
  if (measures.split) row.total = total;  // masked scores left out, unlike in the plain metrics
  return measures;
}

}  // namespace plumbline
