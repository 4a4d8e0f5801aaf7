// SPDX-License-Identifier: Apache-2.0
// Two traces as they are compared: each in the form that the reference's graph declares, with the checkpoint in its own
// format, its steps, and which positions and taps meet. Invariant: everything refers to the reference's graph.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <plumbline/model.h>
#include <plumbline/trace.h>

#include "locate/pairing.h"
#include "locate/positions.h"

namespace plumbline {

class PairedTraces {
 public:
  /// `checkpoint` must outlive it. Throws InputError if the reference's graph cannot be read, TraceError if a trace
  /// cannot be, CheckpointError if the weights cannot be cast.
  PairedTraces(const Trace& reference, const Trace& candidate, const Model& checkpoint, int threads);
  PairedTraces(const PairedTraces&) = delete;
  PairedTraces& operator=(const PairedTraces&) = delete;

  const Model& model(SideId side) const { return *models_[at(side)]; }
  const OpGraph& graph() const { return graph_; }
  const Trace& trace(SideId side) const { return traces_[at(side)]; }
  const std::vector<Step>& steps(SideId side) const { return steps_[at(side)]; }
  const Alignment& alignment() const { return alignment_; }
  const Pairing& pairing() const { return pairing_; }
  /// The op with its results in the format in which that side holds them.
  Op op_of(SideId side, const Op& op) const;

 private:
  static size_t at(SideId side) { return side == SideId::reference ? 0 : 1; }
  std::optional<Model> cast_[2];
  const Model* models_[2];
  OpGraph graph_;
  std::vector<Trace> traces_;
  std::vector<Step> steps_[2];
  Alignment alignment_;
  Pairing pairing_;
};

}  // namespace plumbline
