// SPDX-License-Identifier: Apache-2.0
// What one row of logits says of the next token, and how far two rows lie apart. Invariant: a tie goes to the lower
// id and NaN to nobody, so equal rows give equal choices.
#pragma once
#include <cstdint>
#include <vector>

namespace plumbline {

/// The two largest logits of a row, as stored.
struct Choice {
  int64_t best = -1, second = -1;  ///< token ids; the lower id wins a tie; -1: no such element
  double best_logit = 0.0, second_logit = 0.0;
  double margin() const { return best_logit - second_logit; }
};

/// Both sides' choices after one position.
struct NextToken {
  int64_t position = 0;  ///< whose logits these are: they choose the token of position + 1
  Choice reference, candidate;
  double kl = 0.0;  ///< sum p log(p / q) in nats, p the reference's distribution; NaN if a logit is NaN or +infinite
  bool differs() const { return reference.best != candidate.best; }
};

/// NaN is chosen only where nothing else is left.
Choice choice_of(const std::vector<double>& logits);

/// sum p log(p / q) of the softmaxes of two rows of logits, in f64 nats. Rows of one length, at least one element.
/// NaN if a logit is NaN or +infinite.
double kl_divergence(const std::vector<double>& reference, const std::vector<double>& candidate);

}  // namespace plumbline
