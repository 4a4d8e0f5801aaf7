// SPDX-License-Identifier: Apache-2.0
// One op of one step as two runs recorded it, with all that is needed to replay it elsewhere: inputs, parameters,
// stored results and the exact ones. Invariant: inputs and results are the recorded bytes, nothing is derived.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <plumbline/model.h>
#include <plumbline/trace.h>

#include "locate/positions.h"

namespace plumbline {

/// Names of tensors of the case; shared ones stand on both sides.
struct ReproSide {
  std::vector<std::string> inputs, parameters, past, outputs, exact;
  std::vector<std::string> formats;  ///< in which the contract holds each result, as dtype_name says
  DType model_dtype = DType::bf16;
  int64_t step = 0, first_position = 0;
};

struct ReproCase {
  Op op;
  std::string model;                 ///< directory
  std::vector<std::string> results;  ///< tap paths of the recorded results
  std::vector<size_t> indices;       ///< of those among all that the op yields
  double mask = 0.0;                 ///< from which magnitude on a score counts as masked
  ReproSide reference, candidate;
  std::vector<std::pair<std::string, Tensor>> tensors;
};

/// Without a step the one in which the candidate's own error is largest. Throws UsageError for an op or step that the
/// pair does not have (with near misses), InputError naming the tap if an input or every result was not recorded on
/// both sides.
ReproCase repro_case(const Trace& reference, const Trace& candidate, const Model& checkpoint, const std::string& op,
                     std::optional<int64_t> candidate_step);

}  // namespace plumbline
