// SPDX-License-Identifier: Apache-2.0
// The state of one run after any op: every tap that both traces recorded, and what follows from those in exact
// arithmetic where one is missing. Invariant: nothing is rounded but by the run that was recorded.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <plumbline/model.h>
#include <plumbline/trace.h>

#include "locate/pairing.h"
#include "oracle/oracle.h"

namespace plumbline {

/// An op on these inputs without any rounding: neither the contract's inner ones nor that of the result, sums and
/// products of f32 included. What the contract computes (which factor, which mask, angles from frequencies held in f32)
/// stays. Returns the results without inner taps.
std::vector<Array> evaluate_unrounded(const Op& op, const OpInputs& in, DType model_dtype);

/// The values of one step by tap path.
using StepValues = std::map<std::string, Array>;

class RecordedState {
 public:
  /// Of the trace's steps the leading `steps`. Everything must outlive it.
  RecordedState(const Trace& trace, std::vector<Step> steps, const OpGraph& graph, const Model& model,
                const Pairing& pairing);
  /// Replays what was not recorded. Call once, before value(). Throws InputError if tokens are needed and unknown, or
  /// the checkpoint lacks a parameter.
  void derive();
  const std::vector<Step>& steps() const { return steps_; }
  /// The tap in the step with that place in steps(). Throws InputError for unknown tokens.
  Array value(const std::string& path, size_t step) const;
  bool tokens_known() const;

 private:
  Array graph_input(const std::string& path, size_t step) const;

  const Trace& trace_;
  const std::vector<Step> steps_;
  const OpGraph& graph_;
  const Model& model_;
  const Pairing& pairing_;
  std::vector<StepValues> derived_;
};

/// Inputs of an op in that step without parameters; values, also of the cache before it, come from `value`.
/// Throws InputError if the first step does not begin at position 0 and the op appends to a cache.
OpInputs inputs_by(const Op& op, const Step& step, size_t place,
                   const std::function<Array(const std::string&, size_t)>& value);

/// The op's parameters out of the checkpoint (a bias that it lacks is left out). Throws InputError if one is missing.
std::vector<Array> required_parameters(const Op& op, const Model& model);

/// Whether both traces hold a result of the op.
bool is_recorded(const Op& op, const Pairing& pairing);
/// Unrecorded ops between `op` and what is recorded above it.
std::set<std::string> unrecorded_above(const OpGraph& graph, const Op& op, const Pairing& pairing);

}  // namespace plumbline
