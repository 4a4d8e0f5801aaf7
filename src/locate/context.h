// SPDX-License-Identifier: Apache-2.0
// Everything that the walk over one pair of traces refers to; built once, read by all threads.
#pragma once
#include <algorithm>

#include "locate/find.h"
#include "locate/pairing.h"
#include "locate/positions.h"
#include "locate/replay.h"
#include "oracle/uncertain.h"

namespace plumbline {

struct Context {
  const FindOptions& options;
  const Model& model;              ///< in the reference's format T
  const Model& candidate_model;    ///< in the candidate's; the same object unless the formats differ
  const OpGraph& graph;            ///< the reference's
  const OpGraph& candidate_graph;  ///< as the candidate states it; the reference's if it states none
  const Trace& reference_trace;
  const Trace& candidate_trace;
  const Alignment& alignment;
  const Pairing& pairing;
  const Replay& reference;
  const Replay& candidate;

  /// The same with another list of ops to walk, which must outlive it.
  Context with_graph(const OpGraph& other) const {
    return {options,         model,     candidate_model, other,     candidate_graph, reference_trace,
            candidate_trace, alignment, pairing,         reference, candidate};
  }
  const Model& model_of(SideId side) const { return side == SideId::reference ? model : candidate_model; }
  const Replay& replay_of(SideId side) const { return side == SideId::reference ? reference : candidate; }
  bool formats_differ() const { return model.config.dtype != candidate_model.config.dtype; }
  /// From which magnitude on a score counts as masked, on either side.
  double mask() const {
    return std::min(mask_magnitude(model.config.dtype), mask_magnitude(candidate_model.config.dtype));
  }
};

}  // namespace plumbline
