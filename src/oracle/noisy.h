// SPDX-License-Identifier: Apache-2.0
// One op as one of its right implementations might compute it, drawn at random: every number whose rounding the
// contract leaves open (an f32 sum, a function, a stage before the rounding that was declared) is off by a normal
// error of the size that such an implementation shows (`Evaluated::sigma`), cut at what the worst of them could
// (`Uncertain::error`), and the declared roundings fall where they then fall. Invariant: a draw depends on seed, run,
// op, stage and element alone, not on threads or on the order of work. The errors of neighbouring elements are
// independent here, and without bias; those of a real kernel need not be.
#pragma once
#include "oracle/oracle.h"
#include "oracle/uncertain.h"

namespace plumbline {

/// Runs of one seed are independent of each other.
struct Draw {
  uint64_t seed = 0;
  int64_t run = 0;
};

/// The same as evaluate(), of a drawn implementation: `exact` holds the drawn values before the output rounding,
/// `rounded` those after it; bound, escapes, spread and sigma stay empty. Ops with one right result (copies, sums and
/// products of two stored values) give that. Throws what evaluate() throws.
std::vector<Evaluated> evaluate_noisy(const Op& op, const Contract& contract, const OpInputs& in, DType model_dtype,
                                      const Draw& draw, const EvaluateOptions& options = {});

/// The random numbers of one op in one run; for the evaluators behind evaluate_noisy.
class Noise {
 public:
  Noise(const Draw& draw, std::string_view op, int64_t first_position);
  /// A value without uncertainty: `v` off by a draw of its own error. As it is where nothing is known about it, or
  /// where another order might overflow.
  Uncertain operator()(const Uncertain& v, std::string_view stage, size_t element) const;

 private:
  uint64_t state_;
};

}  // namespace plumbline
