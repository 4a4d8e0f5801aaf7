// SPDX-License-Identifier: Apache-2.0
#include "locate/blame_search.h"

#include <algorithm>
#include <cmath>

namespace plumbline {
namespace {

/// Boundaries that one search may evaluate by splitting: a chaotic pair, in which every op contributes more than the
/// whole, would otherwise cost two tails for every op of the graph.
constexpr size_t kMostSplits = 192;

}  // namespace

BlameSearch::BlameSearch(const OpGraph& graph, const Pairing& pairing, const Tails& tails,
                         const LogitDifference& logits)
    : graph_(graph), tails_(tails), logits_(logits) {
  for (size_t i = 0; i < graph.ops.size(); ++i)
    if (is_recorded(graph.ops[i], pairing)) recorded_.push_back(i);
}

double BlameSearch::part(const std::vector<double>& logits) const {
  double sum = 0.0;
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits_.finite[i]) sum += logits[i] * logits_.difference[i];
  return sum / logits_.square;
}

std::optional<Boundary> BlameSearch::boundary(size_t cut, const std::vector<double>& reference,
                                              const std::vector<double>& candidate) const {
  auto difference = std::make_shared<std::vector<double>>(reference.size(), 0.0);
  for (size_t i = 0; i < reference.size(); ++i) {
    if (!logits_.finite[i]) continue;
    (*difference)[i] = candidate[i] - reference[i];
    if (!std::isfinite((*difference)[i])) return std::nullopt;
  }
  return Boundary{cut, std::move(difference), part(candidate), part(reference)};
}

std::vector<std::optional<Boundary>> BlameSearch::evaluate(const std::vector<size_t>& cuts) {
  std::vector<TailStart> starts;
  for (const size_t cut : cuts) {
    starts.push_back({SideId::reference, cut});
    starts.push_back({SideId::candidate, cut});
  }
  const std::vector<std::vector<double>> logits = tails_.logits(starts);
  replayed_ += static_cast<int64_t>(starts.size());
  std::vector<std::optional<Boundary>> boundaries;
  for (size_t i = 0; i < cuts.size(); ++i) {
    boundaries.push_back(boundary(cuts[i], logits[2 * i], logits[2 * i + 1]));
    if (!boundaries.back()) unusable_.insert(cuts[i]);
  }
  return boundaries;
}

Boundary BlameSearch::start(bool tokens_known) {
  // One tail for both: they begin with the same tokens.
  const std::vector<double> logits = tails_.logits({{SideId::reference, tokens_known ? size_t{0} : size_t{1}}}).front();
  ++replayed_;
  std::vector<double> usable = logits;
  for (double& value : usable) value = std::isfinite(value) ? value : 0.0;
  return *boundary(0, usable, usable);
}

Boundary BlameSearch::end() const { return *boundary(graph_.ops.size(), logits_.reference, logits_.candidate); }

std::vector<Segment> BlameSearch::layers(bool tokens_known, const std::vector<std::string>& alone) {
  const auto apart = [&](const Op& op) { return std::find(alone.begin(), alone.end(), op.name) != alone.end(); };
  std::vector<size_t> cuts;
  for (size_t i = 0; i + 1 < recorded_.size(); ++i) {
    const Op &here = graph_.ops[recorded_[i]], &next = graph_.ops[recorded_[i + 1]];
    if (here.layer != next.layer || apart(here) || apart(next)) cuts.push_back(recorded_[i] + 1);
  }
  std::vector<Segment> segments;
  Boundary from = start(tokens_known);
  for (const std::optional<Boundary>& to : evaluate(cuts)) {
    if (!to) continue;
    segments.push_back({from, *to});
    from = *to;
  }
  segments.push_back({from, end()});
  return segments;
}

std::vector<size_t> BlameSearch::recorded_in(const Segment& segment) const {
  std::vector<size_t> inside;
  for (const size_t op : recorded_)
    if (op >= segment.from.cut && op < segment.to.cut) inside.push_back(op);
  return inside;
}

double BlameSearch::size_of(const Segment& segment) const {
  double square = 0.0;
  for (size_t i = 0; i < logits_.difference.size(); ++i) {
    const double a = (*segment.to.difference)[i] - (*segment.from.difference)[i];
    square += a * a;
  }
  return std::sqrt(square / logits_.square);
}

/// The usable cut between recorded ops that is nearest to the middle.
std::optional<size_t> BlameSearch::middle(const Segment& segment) const {
  const std::vector<size_t> inside = recorded_in(segment);
  std::optional<size_t> best;
  double distance = HUGE_VAL;
  for (size_t i = 0; i + 1 < inside.size(); ++i) {
    const double off = std::fabs(static_cast<double>(2 * i + 2) - static_cast<double>(inside.size()));
    if (unusable_.contains(inside[i] + 1) || off >= distance) continue;
    best = inside[i] + 1;
    distance = off;
  }
  return best;
}

void BlameSearch::split(std::vector<Segment>& segments, double resolve) {
  size_t left = kMostSplits;
  while (left > 0) {
    struct Chosen {
      size_t segment, cut;
      double size;
    };
    std::vector<Chosen> chosen;
    for (size_t i = 0; i < segments.size(); ++i) {
      const double size = size_of(segments[i]);
      if (const auto cut = size > resolve ? middle(segments[i]) : std::nullopt) chosen.push_back({i, *cut, size});
    }
    if (chosen.empty()) return;
    std::stable_sort(chosen.begin(), chosen.end(), [](const Chosen& a, const Chosen& b) { return a.size > b.size; });
    chosen.resize(std::min(chosen.size(), left));
    left -= chosen.size();
    std::vector<size_t> cuts;
    for (const Chosen& one : chosen) cuts.push_back(one.cut);
    for (const std::optional<Boundary>& found : evaluate(cuts)) {
      if (!found) continue;
      const auto at = std::find_if(segments.begin(), segments.end(), [&](const Segment& segment) {
        return segment.from.cut < found->cut && found->cut < segment.to.cut;
      });
      const Segment second{*found, at->to};
      at->to = *found;
      segments.insert(at + 1, second);
    }
  }
}

}  // namespace plumbline
