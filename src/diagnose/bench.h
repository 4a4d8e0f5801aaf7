// SPDX-License-Identifier: Apache-2.0
// The failed op on the bench: replayed with a mistake, on every step, and scored against what the candidate stored.
// Invariant: inputs are the candidate's own recorded ones; nothing is taken from the reference but the noise yardstick
// of a segment.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "diagnose/mistake.h"
#include "diagnose/score.h"
#include "locate/failed_op.h"

namespace plumbline {

struct BenchStep {
  StepFacts facts;
  std::vector<OpInputs> given;              ///< per member of the chain, with parameters
  std::vector<Evaluated> results;           ///< of the last member, as declared; only those that were stored
  std::vector<size_t> index;                ///< of each of them among the op's evaluated results
  std::vector<std::vector<double>> stored;  ///< beside `results`
};

class Bench {
 public:
  explicit Bench(const FailedOp& failed);

  /// The segment's ops in execution order; the failed op is the last.
  const std::vector<const Op*>& chain() const { return chain_; }
  const Op& op() const { return *chain_.back(); }
  bool is_segment() const { return chain_.size() > 1; }
  const FailedOp& failed() const { return failed_; }
  DType dtype() const { return dtype_; }
  const std::vector<BenchStep>& steps() const { return steps_; }
  /// Inputs of the failed op itself.
  const OpInputs& given(const BenchStep& step) const { return step.given.back(); }
  const Score& declared() const { return declared_; }
  /// The replay with the mistake; not usable where it does not fit. Fast: the uncertainty is the declared replay's.
  Score score(const Mistake& mistake) const;
  /// A recorded tap of the candidate at a step, widened; nullptr if there is none. Not thread-safe.
  const Array* recorded(const std::string& path, const BenchStep& step) const;

 private:
  std::vector<Evaluated> replay(const BenchStep& step, const Mistake* mistake,
                                std::map<std::string, Array>& past) const;
  Score score_of(const Mistake* mistake) const;

  const FailedOp& failed_;
  DType dtype_;
  double mask_;
  std::vector<const Op*> chain_;
  std::vector<BenchStep> steps_;
  Score declared_;
  mutable std::map<std::pair<std::string, int64_t>, Array> taps_;
};

}  // namespace plumbline
