// SPDX-License-Identifier: Apache-2.0
#include "locate/blame.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "core/parallel.h"
#include "locate/blame_search.h"
#include "locate/judged_op.h"
#include "locate/tokens.h"

namespace plumbline {
namespace {

constexpr double kLargestResidue = 1e-9;  // of the largest difference; f64 sums of a few hundred terms leave 1e-13

double root_mean_square(double square, int64_t count) {
  return count == 0 ? 0.0 : std::sqrt(square / static_cast<double>(count));
}

std::vector<int64_t> positions_of(const Alignment& alignment) {
  std::vector<int64_t> positions;
  for (const StepPair& pair : alignment.pairs)
    positions.insert(positions.end(), pair.positions.begin(), pair.positions.end());
  return positions;
}

LogitDifference difference_of(const Tails& tails, size_t ops, Blame& blame) {
  std::vector<std::vector<double>> recorded = tails.logits({{SideId::reference, ops}, {SideId::candidate, ops}});
  LogitDifference logits{std::move(recorded[0]), std::move(recorded[1]), {}, {}, 0.0, {}};
  double reference_square = 0.0;
  for (size_t i = 0; i < logits.reference.size(); ++i) {
    const double expected = logits.reference[i], actual = logits.candidate[i];
    const bool finite = std::isfinite(expected) && std::isfinite(actual);
    const double difference = finite ? actual - expected : 0.0;
    logits.finite.push_back(finite ? 1 : 0);
    logits.difference.push_back(difference);
    logits.square += difference * difference;
    reference_square += finite ? expected * expected : 0.0;
    blame.elements += finite ? 1 : 0;
    blame.left_out += finite ? 0 : 1;
    blame.max_abs = std::max(blame.max_abs, std::fabs(difference));
  }
  blame.rms = root_mean_square(logits.square, blame.elements);
  blame.reference_rms = root_mean_square(reference_square, blame.elements);
  return logits;
}

/// Positions whose likeliest token differs, where all logits of both sides are finite.
void find_flips(const std::vector<int64_t>& positions, size_t width, LogitDifference& logits, Blame& blame) {
  for (size_t row = 0; row < positions.size(); ++row) {
    const auto from = static_cast<std::ptrdiff_t>(row * width), to = from + static_cast<std::ptrdiff_t>(width);
    if (std::find(logits.finite.begin() + from, logits.finite.begin() + to, 0) != logits.finite.begin() + to) continue;
    const Choice expected = choice_of({logits.reference.begin() + from, logits.reference.begin() + to});
    const Choice actual = choice_of({logits.candidate.begin() + from, logits.candidate.begin() + to});
    if (expected.best == actual.best) continue;
    const size_t ours = row * width + static_cast<size_t>(expected.best);
    const size_t theirs = row * width + static_cast<size_t>(actual.best);
    logits.margins.emplace_back(ours, theirs);
    blame.flips.push_back({positions[row], expected.best, actual.best,
                           logits.reference[ours] - logits.reference[theirs],
                           logits.candidate[ours] - logits.candidate[theirs], 0, 0.0});
  }
}

BlamePiece piece_of(const Segment& segment, const BlameSearch& search, const OpGraph& graph, const Pairing& pairing,
                    int64_t elements) {
  const std::vector<size_t> inside = search.recorded_in(segment);
  const Op& last = graph.ops[inside.back()];
  BlamePiece piece;
  piece.first = graph.ops[inside.front()].name;
  piece.last = last.name;
  piece.layer = last.layer;
  piece.ops = static_cast<int64_t>(inside.size());
  std::set<std::string> through;
  for (const size_t op : inside) through.merge(unrecorded_above(graph, graph.ops[op], pairing));
  for (const Op& op : graph.ops)
    if (through.contains(op.name)) piece.through.push_back(op.name);
  piece.candidate_share = segment.to.candidate_share - segment.from.candidate_share;
  piece.reference_share = segment.from.reference_share - segment.to.reference_share;
  piece.share = piece.candidate_share + piece.reference_share;
  piece.size = search.size_of(segment);
  double square = 0.0;
  for (size_t i = 0; i < segment.to.difference->size(); ++i) {
    const double a = (*segment.to.difference)[i] - (*segment.from.difference)[i];
    square += a * a;
    piece.max_abs = std::max(piece.max_abs, std::fabs(a));
  }
  piece.rms = root_mean_square(square, elements);
  return piece;
}

/// Of every flip the segment that moved the margin most towards the candidate's choice.
void explain_flips(const std::vector<Segment>& segments, const LogitDifference& logits, Blame& blame) {
  for (size_t flip = 0; flip < blame.flips.size(); ++flip) {
    const auto [ours, theirs] = logits.margins[flip];
    for (size_t i = 0; i < segments.size(); ++i) {
      const std::vector<double>&to = *segments[i].to.difference, &from = *segments[i].from.difference;
      const double moved = (to[ours] - to[theirs]) - (from[ours] - from[theirs]);
      if (i > 0 && moved >= blame.flips[flip].moved) continue;
      blame.flips[flip].moved = moved;
      blame.flips[flip].piece = i;
    }
  }
}

/// Adds up all contributions, element by element, and holds the sum against the recorded difference.
void check_sum(const std::vector<Segment>& segments, const LogitDifference& logits, Blame& blame) {
  std::vector<double> sum(logits.difference.size(), 0.0);
  for (const Segment& segment : segments)
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += (*segment.to.difference)[i] - (*segment.from.difference)[i];
  double worst = 0.0;
  for (size_t i = 0; i < sum.size(); ++i) worst = std::max(worst, std::fabs(sum[i] - logits.difference[i]));
  blame.residue = worst / blame.max_abs;
  const double shares = std::fabs(blame.share_sum() - 1.0);
  if (blame.residue <= kLargestResidue && shares <= kLargestResidue) return;
  throw Error("the contributions do not add up to the logits' difference",
              {fmt::format("off by {:.3g} of it, their shares by {:.3g}", blame.residue, shares)},
              "this is a defect of plumbline: please report it");
}

/// Steps of a trace up to the last one that takes part in the pairing.
std::vector<Step> leading_steps(std::vector<Step> steps, const Alignment& alignment, SideId side) {
  const int64_t last = paired_steps(alignment, side).back();
  const auto end = std::find_if(steps.begin(), steps.end(), [&](const Step& step) { return step.index == last; });
  steps.erase(end == steps.end() ? end : end + 1, steps.end());
  return steps;
}

std::optional<std::string> obstacle(const PairedTraces& traces) {
  if (traces.alignment().pairs.empty()) return "no position is common to both traces";
  if (traces.graph().ops.empty()) return "the reference's graph has no ops";
  const std::string& path = traces.graph().ops.back().outputs.front().path;
  if (!traces.pairing().has(path)) return fmt::format("{} was not recorded on both sides", path);
  return std::nullopt;
}

/// One checkpoint for both sides: a tail is one function.
RecordedState state_of(const PairedTraces& traces, SideId side) {
  return {traces.trace(side), leading_steps(traces.steps(side), traces.alignment(), side), traces.graph(),
          traces.model(SideId::reference), traces.pairing()};
}

void search(const PairedTraces& traces, const BlameOptions& options, Blame& blame) {
  RecordedState reference = state_of(traces, SideId::reference), candidate = state_of(traces, SideId::candidate);
  parallel_for(2, options.threads, [&](int64_t side) { (side == 0 ? reference : candidate).derive(); });
  const OpGraph& graph = traces.graph();
  const Tails tails(traces, reference, candidate, options.threads);
  LogitDifference logits = difference_of(tails, graph.ops.size(), blame);
  blame.positions = traces.alignment().positions;
  if (blame.elements == 0) blame.reason = "no logit is finite on both sides";
  if (blame.elements > 0 && logits.square == 0.0)
    blame.reason = blame.left_out == 0 ? "the logits are equal" : "the finite logits are equal";
  if (!blame.reason.empty()) return;
  find_flips(positions_of(traces.alignment()), static_cast<size_t>(tails.vocabulary()), logits, blame);
  BlameSearch bisection(graph, traces.pairing(), tails, logits);
  std::vector<Segment> segments = bisection.layers(reference.tokens_known(), options.alone);
  bisection.split(segments, options.resolve);
  for (const Segment& segment : segments)
    blame.pieces.push_back(piece_of(segment, bisection, graph, traces.pairing(), blame.elements));
  blame.tails = bisection.tails();
  explain_flips(segments, logits, blame);
  check_sum(segments, logits, blame);
}

}  // namespace

double Blame::share_sum() const {
  double sum = 0.0;
  for (const BlamePiece& piece : pieces) sum += piece.share;
  return sum;
}

double Blame::reference_sum() const {
  double sum = 0.0;
  for (const BlamePiece& piece : pieces) sum += piece.reference_share;
  return sum;
}

std::vector<size_t> Blame::by_share() const {
  std::vector<size_t> order(pieces.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return std::fabs(pieces[a].share) > std::fabs(pieces[b].share); });
  return order;
}

Blame blame_logits(const Trace& reference, const Trace& candidate, const Model& checkpoint,
                   const BlameOptions& options) {
  const PairedTraces traces(reference, candidate, checkpoint, options.threads);
  Blame blame;
  if (const auto why_not = obstacle(traces)) {
    blame.reason = *why_not;
    blame.comparable = false;
  } else {
    search(traces, options, blame);
  }
  return blame;
}

}  // namespace plumbline
