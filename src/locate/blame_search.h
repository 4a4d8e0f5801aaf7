// SPDX-License-Identifier: Apache-2.0
// The bisection behind blame: boundaries between ops, the difference of the logits at each, and which segments are
// worth splitting. Invariant: the segments cover the graph once, from the tokens to the recorded logits.
#pragma once
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "locate/blame.h"
#include "locate/tails.h"

namespace plumbline {

/// The recorded logits of both runs, row by row, and what is asked of a difference.
struct LogitDifference {
  std::vector<double> reference, candidate, difference;  ///< difference: 0 where either side is not finite
  std::vector<char> finite;
  double square = 0.0;                             ///< |difference|^2
  std::vector<std::pair<size_t, size_t>> margins;  ///< per flip: elements of the reference's and candidate's choice
};

/// What is known where the graph is cut after `cut` ops.
struct Boundary {
  size_t cut = 0;
  std::shared_ptr<const std::vector<double>> difference;  ///< d_k on finite elements, 0 elsewhere
  double candidate_share = 0.0, reference_share = 0.0;    ///< <c_k, dz> and <r_k, dz> over |dz|^2
};

struct Segment {
  Boundary from, to;
};

class BlameSearch {
 public:
  BlameSearch(const OpGraph& graph, const Pairing& pairing, const Tails& tails, const LogitDifference& logits);
  /// Layer by layer, and the ops in `alone` by themselves; boundaries whose tails are not finite are left out.
  /// `tokens_known`: else the state after the first op stands for the tokens.
  std::vector<Segment> layers(bool tokens_known, const std::vector<std::string>& alone);
  /// Splits every segment with several recorded ops that contributes more than `resolve`.
  void split(std::vector<Segment>& segments, double resolve);
  /// Recorded ops of a segment, by index.
  std::vector<size_t> recorded_in(const Segment& segment) const;
  /// |a| / |dz|.
  double size_of(const Segment& segment) const;
  int64_t tails() const { return replayed_; }

 private:
  Boundary start(bool tokens_known);
  Boundary end() const;
  std::vector<std::optional<Boundary>> evaluate(const std::vector<size_t>& cuts);
  std::optional<Boundary> boundary(size_t cut, const std::vector<double>& reference,
                                   const std::vector<double>& candidate) const;
  double part(const std::vector<double>& logits) const;
  std::optional<size_t> middle(const Segment& segment) const;

  const OpGraph& graph_;
  const Tails& tails_;
  const LogitDifference& logits_;
  std::vector<size_t> recorded_;
  std::set<size_t> unusable_;  ///< cuts whose tails are not finite where the logits are
  int64_t replayed_ = 0;
};

}  // namespace plumbline
