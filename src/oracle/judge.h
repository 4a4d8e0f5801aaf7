// SPDX-License-Identifier: Apache-2.0
// One stored output against the oracle: gates G0 (format, NaN and infinity masks), G1 (every element within its bound)
// and G3 (no more mismatches with the rounding-matched oracle than the mismatch law allows). G2 (errors as large as
// rounding makes them) and G4 (none that gather in one token, channel, head or tile, or lean to one side) take all
// steps together. Invariant: no tolerance is typed here; both limits follow from `Evaluated`.
#pragma once
#include <cstdint>
#include <string_view>

#include "oracle/distribution.h"
#include "oracle/oracle.h"
#include "oracle/uncertain.h"

namespace plumbline {

/// `noise` is that of a segment's replay (src/locate).
enum class Gate : uint8_t { none, masks, bound, size, mismatch, structure, bias, noise };
std::string_view gate_name(Gate gate);  ///< "", "G0", "G1", "G2", "G3", "G4", "G4", "MC"

struct Judgement {
  bool passed = false;               ///< all gates hold and something was decided
  Gate failed = Gate::none;          ///< the first gate that does not hold (none also if nothing was compared)
  int64_t count = 0;                 ///< elements
  int64_t decided = 0;               ///< finite ones held against their bound
  bool format_matches = true;        ///< stored in the format that the contract has (G0)
  int64_t mask_breaches = 0;         ///< NaN or infinity on one side only, or infinities of opposite sign (G0)
  int64_t mask_index = -1;           ///< the first of them
  double worst_ratio = 0.0;          ///< max |stored - exact| / bound over finite pairs (G1 holds if <= 1)
  int64_t worst_index = -1;          ///< flat row-major index of it, the lowest one
  double worst_error = 0.0;          ///< |stored - exact| there
  double worst_bound = 0.0;          ///< the bound there
  int64_t bound_breaches = 0;        ///< elements beyond their bound
  int64_t mismatches = 0;            ///< stored != rounded (-0 == +0, NaN == NaN)
  int64_t first_mismatch = -1;       ///< the first of them
  double expected_mismatches = 0.0;  ///< by the mismatch law
  int64_t allowed_mismatches = 0;    ///< limit over ten times the expectation (mismatch_limit.h; G3: not exceeded)
  std::optional<Excess> excess;      ///< where mismatches gather beyond chance (then G4 has failed)
  int64_t undecided = 0;             ///< elements where overflow leaves no result wrong, or nothing is known
  double max_abs_error = 0.0;        ///< max |stored - exact| over finite pairs
  double relative_l2 = 0.0;          ///< |stored - exact| / |exact| (2-norms over finite pairs): the local error

  /// No gate failed, but nothing was held against a bound: NaN or infinity as the inputs say, or all undecided.
  bool empty() const { return failed == Gate::none && decided == 0; }
  double mismatch_fraction() const { return count ? static_cast<double>(mismatches) / static_cast<double>(count) : 0; }
};

/// One result, all its steps together, held against what chance makes of the expected errors.
struct ChanceJudgement {
  double loudness = 0.0, bias = 0.0;  ///< Distribution's
  std::optional<Excess> excess;
  Gate failed = Gate::none;  ///< structure, size or bias
};
ChanceJudgement judge_chance(const Distribution& distribution, const Contract& contract);

/// Throws ShapeError if the shapes differ, InputError if the oracle was evaluated without bounds.
Judgement judge(const Evaluated& oracle, const TensorView& stored);

/// Expected mismatch of one element: none if its rounding can go only one way, one if its expected error is a step of
/// the output. `grid` is that of oracle.dtype.
double mismatch_expectation(const Evaluated& oracle, const Rounder& grid, size_t i);
}  // namespace plumbline
