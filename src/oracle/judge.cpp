// SPDX-License-Identifier: Apache-2.0
#include "oracle/judge.h"

#include <cmath>
#include <string>

#include <plumbline/error.h>

#include "oracle/mismatch_limit.h"
#include "oracle/uncertain.h"

namespace plumbline {
namespace {

enum class Mask : uint8_t { finite, nan, positive, negative };

Mask mask_of(double value) {
  if (std::isfinite(value)) return Mask::finite;
  if (std::isnan(value)) return Mask::nan;
  return value > 0.0 ? Mask::positive : Mask::negative;
}

void check_arguments(const Evaluated& oracle, const TensorView& stored) {
  if (oracle.exact.shape != stored.shape) {
    throw ShapeError("a stored tensor has another shape than the op's result",
                     {"tap     " + oracle.spec->path, "oracle  " + to_string(oracle.exact.shape),
                      "stored  " + to_string(stored.shape)},
                     "");
  }
  if (oracle.bound.size() != oracle.rounded.size())
    throw InputError("cannot judge without bounds", {"tap  " + oracle.spec->path}, "evaluate with options.bounds");
}

struct Sums {
  double error = 0.0, exact = 0.0;
  MismatchLaw law;
};

void judge_value(const Evaluated& oracle, size_t i, double value, Judgement& out, Sums& sums) {
  const double error = std::fabs(value - oracle.exact.values[i]);
  ++out.decided;
  sums.error += error * error;
  sums.exact += oracle.exact.values[i] * oracle.exact.values[i];
  out.max_abs_error = std::max(out.max_abs_error, error);
  if (error == 0.0) return;
  const double ratio = error / oracle.bound[i];
  if (ratio > 1.0) ++out.bound_breaches;
  if (ratio > out.worst_ratio) {
    out.worst_ratio = ratio;
    out.worst_index = static_cast<int64_t>(i);
    out.worst_error = error;
    out.worst_bound = oracle.bound[i];
  }
}

bool is_escape(uint8_t escapes, double value) {
  return ((escapes & kOverflows) != 0 && !std::isfinite(value)) || ((escapes & kVanishes) != 0 && value == 0.0);
}

/// Near the end of f32's range the bound alone decides: the mismatch law knows nothing of overflow.
void judge_open_element(const Evaluated& oracle, size_t i, double value, Judgement& out, Sums& sums) {
  if (std::isinf(oracle.bound[i]) || is_escape(oracle.escapes[i], value)) {
    ++out.undecided;
  } else if (std::isfinite(value)) {
    judge_value(oracle, i, value, out, sums);
  } else if (out.mask_breaches++ == 0) {
    out.mask_index = static_cast<int64_t>(i);
  }
}

void judge_element(const Evaluated& oracle, const Rounder& grid, size_t i, double value, Judgement& out, Sums& sums) {
  if (std::isinf(oracle.bound[i]) || oracle.escapes[i] != 0) return judge_open_element(oracle, i, value, out, sums);
  const Mask expected = mask_of(oracle.rounded[i]), actual = mask_of(value);
  if (expected != actual) {
    if (out.mask_breaches++ == 0) out.mask_index = static_cast<int64_t>(i);
  }
  if (expected != actual || (expected == Mask::finite && value != oracle.rounded[i])) {
    if (out.mismatches++ == 0) out.first_mismatch = static_cast<int64_t>(i);
  }
  if (expected != Mask::finite || actual != Mask::finite) return;
  const double expectation = mismatch_expectation(oracle, grid, i);
  out.expected_mismatches += expectation;
  if (oracle.plausible.empty() || oracle.plausible[i] == 0)
    sums.law.add(expectation);
  else
    sums.law.add_shared(static_cast<int64_t>(i) / oracle.sharing, expectation);
  judge_value(oracle, i, value, out, sums);
}

Gate first_failure(const Judgement& j) {
  if (!j.format_matches || j.mask_breaches > 0) return Gate::masks;
  if (j.bound_breaches > 0) return Gate::bound;
  return j.mismatches > j.allowed_mismatches ? Gate::mismatch : Gate::none;
}

}  // namespace

std::string_view gate_name(Gate gate) {
  switch (gate) {
    case Gate::none: return "";
    case Gate::masks: return "G0";
    case Gate::bound: return "G1";
    case Gate::size: return "G2";
    case Gate::mismatch: return "G3";
    case Gate::structure:
    case Gate::bias: return "G4";
    case Gate::noise: return "MC";
  }
  return "";
}

double mismatch_expectation(const Evaluated& oracle, const Rounder& grid, size_t i) {
  if (oracle.spread[i] == 0.0) return 0.0;
  const double spacing = grid.spacing(oracle.rounded[i]);
  const double error = oracle.bound[i] - 0.5 * spacing;
  const double sigma = oracle.sigma[i];
  if (sigma >= spacing) return 1.0;
  const double distance = 0.5 * spacing - std::fabs(oracle.exact.values[i] - oracle.rounded[i]);
  return flip_probability(std::min(std::max(distance, 0.0), error), sigma, error);
}

ChanceJudgement judge_chance(const Distribution& distribution, const Contract& contract) {
  ChanceJudgement out{distribution.loudness(), distribution.bias(systematic_share(contract)), distribution.excess()};
  if (out.excess)
    out.failed = Gate::structure;
  else if (out.loudness > kLoud)
    out.failed = Gate::size;
  else if (std::fabs(out.bias) > kLeaning)
    out.failed = Gate::bias;
  return out;
}

Judgement judge(const Evaluated& oracle, const TensorView& stored) {
  check_arguments(oracle, stored);
  Judgement out;
  out.count = stored.count();
  out.format_matches = stored.dtype == oracle.dtype;
  const Rounder grid(oracle.dtype);
  const std::vector<double> values = to_values(stored);
  Sums sums;
  for (size_t i = 0; i < values.size(); ++i) judge_element(oracle, grid, i, values[i], out, sums);
  out.allowed_mismatches = std::min(sums.law.limit(), out.count);
  if (sums.error > 0.0) out.relative_l2 = std::sqrt(sums.error) / std::sqrt(sums.exact);
  out.failed = first_failure(out);
  out.passed = out.decided > 0 && out.failed == Gate::none;
  return out;
}

}  // namespace plumbline
