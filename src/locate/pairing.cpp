// SPDX-License-Identifier: Apache-2.0
// Pairing of taps by path.
#include "locate/pairing.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <algorithm>
#include <set>

#include "core/statistics.h"
#include "locate/selection.h"

namespace plumbline {
namespace {

constexpr size_t kMostSuggestions = 40;  // near-misses cost a distance to every name of the other side

/// Every path once, in the order of writing; what was fed (tokens, positions) is compared by the alignment instead, and
/// statistics of a tap (run --taps stats) are no values that could be.
std::vector<std::string> paths_of(const Trace& trace, const OpGraph& graph) {
  std::vector<std::string> paths;
  std::set<std::string> seen(graph.inputs.begin(), graph.inputs.end());
  for (const TapEntry& tap : trace.taps())
    if (!holds_statistics(tap.axes, tap.shape) && seen.insert(tap.path).second) paths.push_back(tap.path);
  return paths;
}

/// In how many pairs of steps each side recorded a tap, and in how many both did.
struct Presence {
  size_t reference = 0, candidate = 0, both = 0;
};

Presence presence_of(const Trace& reference, const Trace& candidate, const Alignment& alignment,
                     const std::string& path) {
  Presence presence;
  for (const StepPair& pair : alignment.pairs) {
    const bool left = reference.find(path, pair.reference_step) != nullptr;
    const bool right = candidate.find(path, pair.candidate_step) != nullptr;
    presence.reference += left ? 1 : 0;
    presence.candidate += right ? 1 : 0;
    presence.both += left && right ? 1 : 0;
  }
  return presence;
}

/// Why the two entries cannot meet in this pair of steps; empty if they can.
std::string obstacle(const TapEntry& expected, const TapEntry& actual, const OpGraph& graph, const StepPair& pair) {
  const std::vector<std::string> a = axes_of(expected, graph), b = axes_of(actual, graph);
  if (a != b) return fmt::format("axes ({}) against ({})", fmt::join(a, ","), fmt::join(b, ","));
  std::string why_not;
  const auto left = select(expected.shape, a, pair, SideId::reference, why_not);
  if (!left) return "reference: " + why_not;
  const auto right = select(actual.shape, b, pair, SideId::candidate, why_not);
  if (!right) return "candidate: " + why_not;
  if (left->shape != right->shape)
    return fmt::format("shape {} against {} at the common positions", to_string(left->shape), to_string(right->shape));
  return "";
}

/// Extents with the axes of positions brought to the same length, so that only the layout decides.
Shape layout_of(const Shape& shape, const std::vector<std::string>& axes) {
  Shape layout = shape;
  for (size_t axis = 0; axis < layout.size() && axis < axes.size(); ++axis)
    if (axes[axis] == "token" || axes[axis] == "key") layout[axis] = axes[axis] == "token" ? -1 : -2;
  return layout;
}

std::optional<std::vector<size_t>> permutation_of(const IncomparableTap& tap) {
  if (tap.reference_axes != tap.candidate_axes)
    return fitting_permutation(layout_of(tap.reference_shape, tap.reference_axes), tap.reference_axes,
                               layout_of(tap.candidate_shape, tap.candidate_axes), tap.candidate_axes);
  return fitting_permutation(tap.reference_shape, tap.reference_axes, tap.candidate_shape, tap.candidate_axes);
}

void try_pair(const Trace& reference, const Trace& candidate, const OpGraph& graph, const Alignment& alignment,
              const std::string& path, Pairing& result) {
  std::vector<std::string> axes;
  for (const StepPair& pair : alignment.pairs) {
    const TapEntry* expected = reference.find(path, pair.reference_step);
    const TapEntry* actual = candidate.find(path, pair.candidate_step);
    if (expected == nullptr || actual == nullptr) continue;
    if (axes.empty()) axes = axes_of(*expected, graph);
    const std::string reason = obstacle(*expected, *actual, graph, pair);
    if (reason.empty()) continue;
    IncomparableTap tap{path,          pair.reference_step,       pair.candidate_step,     expected->shape,
                        actual->shape, axes_of(*expected, graph), axes_of(*actual, graph), std::nullopt,
                        reason};
    tap.permutation = permutation_of(tap);
    result.incomparable.push_back(std::move(tap));
    return;
  }
  result.usable.emplace(path, std::move(axes));
}

void suggest(std::vector<UnmatchedTap>& unmatched) {
  std::vector<std::string> of_reference, of_candidate;
  for (const UnmatchedTap& tap : unmatched) (tap.in_reference ? of_reference : of_candidate).push_back(tap.path);
  for (size_t i = 0; i < unmatched.size() && i < kMostSuggestions; ++i)
    unmatched[i].near_misses = near_misses(unmatched[i].path, unmatched[i].in_reference ? of_candidate : of_reference);
}

}  // namespace

std::vector<std::string> axes_of(const TapEntry& tap, const OpGraph& graph) {
  if (!tap.axes.empty()) return tap.axes;
  if (const Op* op = graph.producer(tap.path))
    for (const TapSpec& spec : op->outputs)
      if (spec.path == tap.path) return spec.axes;
  std::vector<std::string> unnamed;  // nobody says what the axes mean: they must agree in full
  for (size_t axis = 0; axis < tap.shape.size(); ++axis) unnamed.push_back("axis" + std::to_string(axis));
  return unnamed;
}

Pairing pair_taps(const Trace& reference, const Trace& candidate, const OpGraph& graph, const Alignment& alignment,
                  StepsNeeded needed) {
  Pairing result;
  if (alignment.pairs.empty()) return result;
  for (const std::string& path : paths_of(reference, graph)) {
    const Presence presence = presence_of(reference, candidate, alignment, path);
    const bool whole = presence.both == alignment.pairs.size();
    if (presence.both > 0 && !whole) result.partial.push_back({path, presence.both});
    if (whole || (needed == StepsNeeded::any && presence.both > 0)) {
      try_pair(reference, candidate, graph, alignment, path, result);
    } else {
      result.unmatched.push_back({path, presence.reference >= presence.candidate, {}});
    }
  }
  for (const std::string& path : paths_of(candidate, graph)) {
    const bool known = result.usable.contains(path) ||
                       std::any_of(result.incomparable.begin(), result.incomparable.end(),
                                   [&](const IncomparableTap& tap) { return tap.path == path; }) ||
                       std::any_of(result.unmatched.begin(), result.unmatched.end(),
                                   [&](const UnmatchedTap& tap) { return tap.path == path; });
    if (!known) result.unmatched.push_back({path, false, {}});
  }
  suggest(result.unmatched);
  return result;
}

}  // namespace plumbline
