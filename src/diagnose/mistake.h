// SPDX-License-Identifier: Apache-2.0
// A supposed mistake: how the op would have been computed with it. Invariant: an edit that does not fit the op throws
// InputError or ShapeError, and the supposition is dropped.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "oracle/oracle.h"

namespace plumbline {

struct StepFacts {
  size_t number = 0;  ///< of the steps that take part, from 0
  int64_t step = 0;   ///< its index in the trace
  int64_t first_position = 0;
};

struct Mistake {
  std::string code;      ///< of its family: "P0604"
  std::string text;      ///< one clause for the report: "eps 1e-05, the config says 1e-06"
  size_t member = 0;     ///< which op of the segment has it (Bench::chain)
  std::optional<Op> op;  ///< instead of the member: other attributes or inputs
  /// Inputs and parameters as the mistaken op takes them.
  std::function<void(OpInputs&, const StepFacts&)> inputs;
  /// The member's results before their output rounding; `exact` is edited, all else follows.
  std::function<void(std::vector<Evaluated>&, const OpInputs&, const StepFacts&)> results;
  /// Another rounding of the output than to nearest.
  std::function<double(double exact, DType)> rounding;
};

}  // namespace plumbline
