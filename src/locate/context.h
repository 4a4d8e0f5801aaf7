// SPDX-License-Identifier: Apache-2.0
// Everything that the walk over one pair of traces refers to; built once, read by all threads.
#pragma once
#include "locate/find.h"
#include "locate/pairing.h"
#include "locate/positions.h"
#include "locate/replay.h"

namespace plumbline {

struct Context {
  const FindOptions& options;
  const Model& model;
  const OpGraph& graph;            ///< the reference's
  const OpGraph& candidate_graph;  ///< as the candidate states it; the reference's if it states none
  const Trace& reference_trace;
  const Trace& candidate_trace;
  const Alignment& alignment;
  const Pairing& pairing;
  const Replay& reference;
  const Replay& candidate;
};

}  // namespace plumbline
