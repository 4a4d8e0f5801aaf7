// SPDX-License-Identifier: Apache-2.0
#include "locate/paired_traces.h"

#include "locate/foreign.h"
#include "locate/formats.h"

namespace plumbline {

PairedTraces::PairedTraces(const Trace& reference, const Trace& candidate, const Model& checkpoint, int threads) {
  const DType expected = format_of_run(reference, checkpoint), actual = format_of_run(candidate, checkpoint);
  models_[0] = &model_in(expected, checkpoint, cast_[0]);
  models_[1] = expected == actual ? models_[0] : &model_in(actual, checkpoint, cast_[1]);
  const std::string& stated = reference.header().graph_json;
  graph_ = stated.empty() ? models_[0]->graph : op_graph_from_json(stated);
  std::vector<std::string> notes;  // find says them
  traces_.push_back(fit_to_graph(reference, graph_, threads, notes));
  traces_.push_back(fit_to_graph(candidate, retyped(graph_, expected, actual), threads, notes));
  for (size_t side = 0; side < 2; ++side) steps_[side] = steps_of(traces_[side], graph_);
  alignment_ = align_steps(steps_[0], steps_[1]);
  pairing_ = pair_taps(traces_[0], traces_[1], graph_, alignment_);
}

Op PairedTraces::op_of(SideId side, const Op& op) const {
  return side == SideId::reference ? op : retyped(op, models_[0]->config.dtype, models_[1]->config.dtype);
}

}  // namespace plumbline
