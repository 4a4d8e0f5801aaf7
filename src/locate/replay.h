// SPDX-License-Identifier: Apache-2.0
// What one trace gives an op to work on: recorded inputs, or, where a tap is missing, values replayed from the nearest
// recorded taps upstream together with the uncertainty that this brings (a segment). Where that uncertainty has grown
// larger than the values, they are handed on without it.
// Invariant: a value is taken from the trace if and only if both traces recorded it, so that both sides are replayed by
// the same function.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <plumbline/model.h>
#include <plumbline/trace.h>

#include "locate/pairing.h"
#include "locate/segment_noise.h"
#include "oracle/oracle.h"

namespace plumbline {

/// Parameters of an op in its order, out of the checkpoint, widened; the names of those the checkpoint lacks.
struct OpParameters {
  std::vector<Array> values;
  std::vector<std::string> missing;
};
OpParameters parameters_of(const Op& op, const Model& model);

struct ReplayInputs {
  OpInputs in;                    ///< without parameters
  std::set<std::string> through;  ///< unrecorded ops that lie between recorded taps and this op
  bool unbounded = false;         ///< the bound composed over them is larger than the values; none is given
  std::string why_not;            ///< not empty: the op cannot be replayed
};

class Replay {
 public:
  Replay(const Trace& trace, const std::vector<Step>& steps, const OpGraph& graph, const Model& model,
         const Pairing& pairing);
  /// Replays every unrecorded op that something recorded depends on. Sequential; call once, before inputs().
  void prepare();
  /// Inputs of `op` in the step with that index. Safe to call from several threads after prepare().
  ReplayInputs inputs(const Op& op, int64_t step) const;
  /// The tap as recorded. Throws TraceError if it is not there.
  Tensor recorded(const std::string& path, int64_t step) const;
  /// Steps by index; nullptr if there is none.
  const Step* step(int64_t index) const;

  /// Limits that results of segments are held to besides their bounds (see segment_noise).
  void hold_to(NoiseLimits limits) { noise_ = std::move(limits); }
  /// Of the recorded tap at the end of a segment; nullptr if none was drawn.
  const NoiseLimit* noise(const std::string& path) const;
  const OpGraph& graph() const { return graph_; }
  const Model& model() const { return model_; }
  const Pairing& pairing() const { return pairing_; }
  const std::vector<Step>& steps() const { return steps_; }

 private:
  struct Value {
    Array values, bounds;  // bounds empty: recorded, or unbounded
    bool unbounded = false;
    std::set<std::string> through;
    std::string lost;  // not empty: the value cannot be known, and why
  };
  std::shared_ptr<const Value> value(const std::string& path, int64_t step) const;
  std::shared_ptr<const Value> past(const Op& op, int64_t step) const;
  std::set<std::string> needed_ops() const;
  void derive(const Op& op, int64_t step);

  const Trace& trace_;
  const std::vector<Step>& steps_;
  const OpGraph& graph_;
  const Model& model_;
  const Pairing& pairing_;
  std::map<std::pair<std::string, int64_t>, std::shared_ptr<const Value>> derived_;
  NoiseLimits noise_;
};

}  // namespace plumbline
