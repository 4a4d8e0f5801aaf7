// SPDX-License-Identifier: Apache-2.0
// Two backends fed the same tokens, and what each would have said next at every position. Invariant: the reference
// alone decides what is fed, so both stand at the same tokens whatever the candidate chooses.
#pragma once
#include <cstdint>
#include <vector>

#include <plumbline/backend.h>

#include "core/next_token.h"

namespace plumbline::run {

/// What the two said, position by position.
struct ForcedComparison {
  std::vector<NextToken> next;                         ///< ascending
  std::vector<int64_t> fed;                            ///< the token at each of these positions
  int64_t reference_broken = 0, candidate_broken = 0;  ///< positions with a logit that is NaN or +Inf

  /// The first position at which the choice differs; nullptr: at none.
  const NextToken* first_difference() const;
  /// DESIGN 8: 0 the same choice everywhere; 1 another one somewhere, or broken logits of the candidate alone; 3 broken
  /// logits of the reference, or no position at all.
  int status() const;
};

class ForcedPair final : public Backend {
 public:
  /// Both must outlive the pair.
  ForcedPair(Backend& reference, Backend& candidate) : reference_(reference), candidate_(candidate) {}
  /// Feeds both and hands on the reference's logits. Throws ShapeError if the candidate's have another shape.
  Tensor forward(const Step& step, TapSink& sink) override;
  std::string description() const override { return reference_.description(); }
  const OpGraph& graph() const override { return reference_.graph(); }

  const ForcedComparison& comparison() const { return comparison_; }

 private:
  Backend &reference_, &candidate_;
  ForcedComparison comparison_;
};

}  // namespace plumbline::run
