// SPDX-License-Identifier: Apache-2.0
// What two runs said: their tokens, where these part, how close the choice was, and how far the distributions lie
// apart. Invariant: logits are compared only at positions whose tokens agree so far.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include <plumbline/find.h>
#include <plumbline/trace.h>

#include "locate/positions.h"

namespace plumbline {

/// One side's choice after one position. Logits are as stored; probabilities are the f64 softmax of them.
struct Choice {
  int64_t best = -1, second = -1;  ///< token ids of the two largest logits; the lower id wins a tie
  double best_logit = 0.0, second_logit = 0.0;
  double margin() const { return best_logit - second_logit; }
};

struct NextToken {
  int64_t position = 0;  ///< whose logits these are: they choose the token of position + 1
  Choice reference, candidate;
  double kl = 0.0;  ///< sum p log(p / q) in nats, p the reference's distribution; NaN if a logit is NaN or +infinite
};

struct TokenReport {
  std::vector<int64_t> reference, candidate;  ///< fed tokens from position 0 on; kUnknownToken where a file is silent
  int64_t prompt = 0;                         ///< how many of them were fed at once at the start, on both sides
  Alignment alignment;
  int64_t stated = 0;           ///< common positions whose tokens both sides state
  std::optional<Finding> moot;  ///< the checkpoints differ: nothing was compared
  std::vector<NextToken> next;  ///< of every common position whose logits both sides recorded, ascending
  /// The entry that chose the first differing token; nullptr if none differs, or its logits were not recorded.
  const NextToken* fork() const;
};

/// Runs of different checkpoints are not compared, unless `ignore_digests`. Throws TraceError if logits of one position
/// have another vocabulary on the other side.
TokenReport compare_tokens(const Trace& reference, const Trace& candidate, bool ignore_digests = false);

/// sum p log(p / q) of the softmaxes of two rows of logits, in f64. Rows of one length, at least one element.
double kl_divergence(const std::vector<double>& reference, const std::vector<double>& candidate);
Choice choice_of(const std::vector<double>& logits);

}  // namespace plumbline
