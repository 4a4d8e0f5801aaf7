// SPDX-License-Identifier: Apache-2.0
// Evidence in words.
#include "locate/evidence.h"

#include <fmt/format.h>
#include <plumbline/error.h>
#include <plumbline/find.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "locate/growth_evidence.h"
#include "locate/selection.h"

namespace plumbline {
namespace {

constexpr double kNearlyAll = 0.99;

/// What each element contributes to the failed gate.
std::vector<double> weights_of(const Evaluated& result, const TensorView& stored, const Judgement& judgement) {
  std::vector<double> weights(result.rounded.size(), 0.0);
  for (size_t i = 0; i < weights.size(); ++i) {
    const double value = stored.at(static_cast<int64_t>(i)), exact = result.exact.values[i];
    const bool finite = std::isfinite(value) && std::isfinite(result.rounded[i]);
    switch (judgement.failed) {
      case Gate::masks: weights[i] = std::isfinite(value) != std::isfinite(result.rounded[i]) ? 1.0 : 0.0; break;
      case Gate::bound:
        if (finite && std::fabs(value - exact) > result.bound[i]) weights[i] = std::fabs(value - exact);
        break;
      case Gate::size:
      case Gate::bias:
        if (finite && result.sigma[i] > 0.0) weights[i] = std::fabs(value - exact) / result.sigma[i];
        break;
      case Gate::mismatch:
      case Gate::structure:
      case Gate::noise: weights[i] = finite && value != result.rounded[i] ? 1.0 : 0.0; break;
      case Gate::none: break;
    }
  }
  return weights;
}

std::string axis_evidence(const std::vector<double>& weights, const Shape& shape, size_t axis,
                          const std::string& name) {
  std::vector<double> sums(static_cast<size_t>(shape[axis]), 0.0);
  int64_t inner = 1;
  for (size_t k = axis + 1; k < shape.size(); ++k) inner *= shape[k];
  for (size_t i = 0; i < weights.size(); ++i)
    sums[static_cast<size_t>(static_cast<int64_t>(i) / inner % shape[axis])] += weights[i];
  std::vector<size_t> order(sums.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return sums[a] > sums[b]; });
  const double all = std::accumulate(sums.begin(), sums.end(), 0.0);
  double held = 0.0;
  size_t count = 0;
  while (count < order.size() && held < kNearlyAll * all) held += sums[order[count++]];
  if (all <= 0.0 || count * 4 > sums.size()) return "";
  order.resize(count);
  std::sort(order.begin(), order.end());
  const size_t shown = std::min<size_t>(count, 4);
  return fmt::format("{} of {} along \"{}\" hold{} {:.0f}% of it: {}{}", count, sums.size(), name,
                     count == 1 ? "s" : "", 100.0 * held / all,
                     fmt::join(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                     shown < count ? ", ..." : "");
}

}  // namespace

std::vector<std::string> judgement_evidence(const Evaluated& result, const Judgement& judgement) {
  std::vector<std::string> lines;
  if (!judgement.format_matches) lines.push_back(fmt::format("the contract holds it in {}", dtype_name(result.dtype)));
  if (judgement.mask_breaches > 0)
    lines.push_back(fmt::format("{} of {} elements are NaN or infinite where the replay's are not, or the reverse",
                                judgement.mask_breaches, judgement.count));
  if (judgement.bound_breaches > 0)
    lines.push_back(
        fmt::format("{} of {} elements are off by more than their bound; the worst by {:.4g} = {:.3g} x its bound",
                    judgement.bound_breaches, judgement.count, judgement.worst_error, judgement.worst_ratio));
  lines.push_back(
      fmt::format("{:.3g} of all bits are unlike the rounded replay's; noise explains {:.2g} ({} of {} "
                  "elements, at most {} allowed)",
                  judgement.mismatch_fraction(),
                  judgement.count ? judgement.expected_mismatches / static_cast<double>(judgement.count) : 0.0,
                  judgement.mismatches, judgement.count, judgement.allowed_mismatches));
  if (judgement.excess)
    lines.push_back(fmt::format(
        "they gather in {}, all steps together: {} of them, {:.2g} expected, at most {} allowed",
        judgement.excess->slice, judgement.excess->mismatches, judgement.excess->expected, judgement.excess->allowed));
  if (judgement.undecided > 0)
    lines.push_back(fmt::format("{} of {} elements left open: f32 may overflow there or not, in some order of its sums",
                                judgement.undecided, judgement.count));
  if (judgement.failed != Gate::none && judgement.failed != Gate::masks)
    lines.push_back(fmt::format("own error, relative L2: {:.3g}", judgement.relative_l2));
  return lines;
}

std::vector<std::string> structure_evidence(const Evaluated& result, const TensorView& stored,
                                            const Judgement& judgement, const std::vector<std::string>& axes) {
  std::vector<std::string> lines;
  const std::vector<double> weights = weights_of(result, stored, judgement);
  for (size_t axis = 0; axis < axes.size() && axis < stored.shape.size(); ++axis) {
    if (stored.shape[axis] < 4) continue;
    std::string line = axis_evidence(weights, stored.shape, axis, axes[axis]);
    if (!line.empty()) lines.push_back(std::move(line));
    std::string growth = axes[axis] == "token" ? growth_evidence(result, stored, axis, axes[axis]) : "";
    if (!growth.empty()) lines.push_back(std::move(growth));
  }
  return lines;
}

std::string distribution_evidence(const OpRow& row) {
  std::vector<std::string> parts;
  if (!std::isnan(row.rms_ratio)) parts.push_back(fmt::format("{:.3g} x the reference's", row.rms_ratio));
  if (row.loudness > kLoud) parts.push_back(fmt::format("{:.3g} x what rounding makes", row.loudness));
  if (std::fabs(row.bias) > kLeaning)
    parts.push_back(fmt::format("leaning to one side by {:.3g} standard deviations", std::fabs(row.bias)));
  return parts.empty() ? "" : fmt::format("root mean square of the own error: {}", fmt::join(parts, ", "));
}

std::string input_evidence(const OpRow& row) {
  if (std::isnan(row.input_difference)) return "";
  if (row.input_difference == 0.0) return "its inputs equal the reference's bit for bit";
  return fmt::format(
      "its inputs differ from the reference's by {:.3g} (relative L2); the replay takes the candidate's own",
      row.input_difference);
}

std::string inner_evidence(const Context& context, const Op& op, const OpInputs& in, int64_t step) {
  const bool any = std::any_of(op.outputs.begin(), op.outputs.end(),
                               [&](const TapSpec& spec) { return spec.inner && context.pairing.has(spec.path); });
  if (!any) return "";
  std::vector<std::string> sound;
  for (const Evaluated& result :
       evaluate(op, find_contract(op.contract), in, context.candidate_model.config.dtype, {true, true, 1})) {
    if (!result.spec->inner || !context.pairing.has(result.spec->path)) continue;
    const Tensor stored = context.candidate.recorded(result.spec->path, step);
    if (stored.shape() != result.exact.shape) continue;
    const Judgement judgement = judge(result, stored.view());
    if (!judgement.passed) {
      const std::string before =
          sound.empty() ? "" : fmt::format("{} hold{}; ", fmt::join(sound, ", "), sound.size() == 1 ? "s" : "");
      return fmt::format("inside the op: {}{} is the first that fails ({})", before, result.spec->path,
                         gate_name(judgement.failed));
    }
    sound.push_back(result.spec->path);
  }
  return sound.empty() ? "" : fmt::format("inside the op: {} hold; the step after them fails", fmt::join(sound, ", "));
}

}  // namespace plumbline
