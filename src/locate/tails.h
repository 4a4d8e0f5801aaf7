// SPDX-License-Identifier: Apache-2.0
// The logits that follow from a run's recorded state after an op if all later ops are computed in exact arithmetic.
// Invariant: one and the same function for both runs, whatever either of them recorded; the bits do not depend on the
// number of threads.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "locate/paired_traces.h"
#include "locate/recorded_state.h"

namespace plumbline {

/// Where a tail begins: the taps of the leading `cut` ops of the graph are the run's own, in every step.
struct TailStart {
  SideId side = SideId::reference;
  size_t cut = 0;
};

class Tails {
 public:
  /// The states must have been derived. `logits` is a result of the graph's last op that both traces recorded.
  Tails(const PairedTraces& traces, const RecordedState& reference, const RecordedState& candidate, int threads);
  /// For each start the logits of all common positions, row by row in ascending order. Ops are taken one after the
  /// other, each in all steps: an op of one step needs earlier ops of that step and itself in the step before.
  std::vector<std::vector<double>> logits(const std::vector<TailStart>& starts) const;
  int64_t vocabulary() const { return vocabulary_; }

 private:
  struct Chain;
  std::vector<std::vector<double>> batch(const std::vector<TailStart>& starts) const;
  void run_op(size_t index, std::vector<Array>& parameters, Chain& chain) const;
  std::vector<double> collect(const Chain& chain) const;
  const RecordedState& state(SideId side) const { return side == SideId::reference ? reference_ : candidate_; }

  const PairedTraces& traces_;
  const OpGraph& graph_;
  const Model& model_;
  const RecordedState &reference_, &candidate_;
  int threads_;
  std::string path_;
  int64_t vocabulary_ = 0;
  std::map<std::string, size_t> last_reader_;  ///< of a tap: index of the last op that reads it
};

}  // namespace plumbline
