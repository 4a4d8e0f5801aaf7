// SPDX-License-Identifier: Apache-2.0
// One op of one trace, replayed and judged in every step that takes part in the pairing.
// Invariant: results, stored tensors and judgements stand side by side, in the order of the op's results.
#pragma once
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "locate/context.h"
#include "oracle/judge.h"

namespace plumbline {

struct JudgedStep {
  int64_t step = 0;
  bool unbounded = false;          ///< a result of a segment whose composed bound is larger than its values
  OpInputs in;                     ///< without parameters
  std::vector<Evaluated> results;  ///< of the op's results; of its inner taps only those that stand for the op
  std::vector<std::optional<Tensor>> stored;
  std::vector<std::optional<Judgement>> judgements;  ///< absent where the result was not recorded on both sides
};

enum class Verdict : uint8_t { passed, failed, unjudged };

struct JudgedSide {
  std::shared_ptr<const Op> op;  ///< as this side holds its results; `steps` borrow from it
  std::vector<JudgedStep> steps;
  std::set<std::string> through;  ///< unrecorded ops replayed together with this one
  std::string why_not;            ///< not empty: could not be replayed; steps is then empty
  bool starved = false;           ///< ... because the taps of `through` are missing: with them it could be
  bool unbounded = false;         ///< ... because the composed bound is larger than the values, in some step
  double loudness = std::numeric_limits<double>::quiet_NaN();  ///< rms of the own error in expected sizes, where every
                                                               ///< bit is noise; NaN: nowhere, or in a segment
  double bias = loudness;  ///< standard deviations by which the own error leans (Distribution::bias); NaN likewise
  std::string by_noise;    ///< not empty: held against the noise of its replay, and what that gave
  std::string hidden;      ///< not empty: why a defect in `through` could be smaller than that noise

  /// Failed if any result of any step did; unjudged if any step has a result without one element held against a bound,
  /// or if noise hides too much.
  Verdict verdict() const;
  bool passed() const { return verdict() == Verdict::passed; }
  /// Why the verdict is `unjudged`: what noise hides, or the first step and result without a decided element.
  std::string nothing_decided() const;
  double worst_share() const;  ///< max |own error| / bound; infinite where NaN or infinity masks differ
  /// Step and result to show: the first that failed, else the one nearest to its bound; nullopt if nothing was judged.
  struct At {
    size_t step = 0, result = 0;
  };
  std::optional<At> worst() const;
};

/// Results, and of inner taps the one that says more than any result: at position 0 cosine and sine are 1 and 0 for
/// every theta, the frequencies are not. `bounds`: with what a right implementation may be off by.
std::vector<Evaluated> evaluate_judged(const Op& op, const Contract& contract, const OpInputs& in, DType dtype,
                                       bool bounds);

/// `op` may be a variant of the graph's op (another contract, other attributes) with the same inputs and outputs.
/// `parameters` are those of `op`. Never throws for data that do not fit: why_not says so.
JudgedSide judge_side(const Context& context, SideId side, const Op& op, const Contract& contract,
                      const std::vector<Array>& parameters);

/// Steps of one side that take part in the pairing, ascending.
std::vector<int64_t> paired_steps(const Alignment& alignment, SideId side);

}  // namespace plumbline
