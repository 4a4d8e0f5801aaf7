// SPDX-License-Identifier: Apache-2.0
// One op of the reference's graph, seen on both sides: replay, judgement, split, and if the candidate fails, which
// other contract it follows. Independent of every other op, so that ops run on several threads.
#pragma once
#include <optional>
#include <set>
#include <string>

#include <plumbline/find.h>

#include "locate/context.h"
#include "locate/judged_op.h"

namespace plumbline {

/// Why one side's own error fails.
struct Failure {
  std::string code;      ///< P0201, P0202, P0204, P0301
  std::string contract;  ///< another contract under which every gate holds; empty if there is none
  Place place;
  std::optional<ValueWindow> window;
  std::vector<std::string> evidence;
  double share = 0.0, mismatch = 0.0, expected_mismatch = 0.0;  ///< own error / bound, and bits unlike the replay's
  /// An unrecorded op of the segment that the candidate's graph lacks and that explains the failure.
  std::string dropped;
  std::vector<Cause> causes;  ///< see FindOptions::causes
};

struct OpResult {
  OpRow row;  ///< all but the role and the benign gain
  bool beyond_noise = false;
  bool reproduced = false;   ///< replayed on both sides, and no gate fails (which NaN everywhere does too)
  bool needs_noise = false;  ///< end of a segment whose bounds decide too little: see segment_noise
  bool unbounded = false;    ///< no bound was left over its segment; the noise of its replay alone decided
  double explained = 0.0;
  std::set<std::string> through;  ///< unrecorded ops of its segment
  std::string form;               ///< contract of fused attention that explains this op's segment; see attention_forms
  std::optional<Failure> candidate_failure;
  std::string reference_evidence;            ///< why the reference fails; empty if it does not
  bool both_fail = false;                    ///< the candidate too, by the reference's contract
  std::vector<std::string> ill_conditioned;  ///< not empty: no gate can decide here, in figures; the op is not judged
};

/// Unequal bits of one side, the worst of its steps and results.
struct Mismatch {
  double share = 0.0, expected = 0.0;
};
Mismatch mismatch_of(const JudgedSide& side);

OpResult walk_op(const Context& context, const Op& op);

/// The parameters of the op that the checkpoint holds; why the op cannot be replayed with them, or "". One that the
/// checkpoint lacks can only be an added bias: the op is then replayed without it.
std::string load_parameters(const Op& op, const Model& model, OpParameters& parameters);

}  // namespace plumbline
