// SPDX-License-Identifier: Apache-2.0
// Error of sums and functions in f32. Bounds are worst cases: equal terms, or tiny ones behind a large one, round the
// same way every time, so no probabilistic bound holds for them. Those of every accumulator but f32_tree also hold as
// multiples of the largest partial sum that any order can meet, (|sum| + sum of magnitudes) / 2. Walks are what random
// data show.
#include <algorithm>
#include <cmath>

#include <plumbline/contract.h>

namespace plumbline {
namespace {

/// gamma_m = m u / (1 - m u): m roundings in a row.
double worst_case(double roundings) { return roundings * kUnitF32 / (1.0 - roundings * kUnitF32); }

/// Adds on the longest way from a term to the sum: 32 lanes, then five halvings.
double tree_depth(int64_t n) { return std::ceil(static_cast<double>(n) / 32.0) + 5.0; }

double tensor_core_steps(int64_t n) { return std::ceil(static_cast<double>(n) / 16.0); }

/// Per step 17 terms lose up to 2^-25 of the largest, the sum is cut to f32: up to 2^-23. All cuts go towards zero, so
/// they add up: linear in the number of steps. The product of 1+ accounts for partial sums above the exact ones.
double tensor_core(int64_t n) {
  const double per_step = 17.0 * 0x1p-25 + 0x1p-23;
  const double sum = tensor_core_steps(n) * per_step;
  return sum * (1.0 + sum);
}

// A rounding to nearest of a partial sum S is uniform within half a ulp; averaged over a binade its size is 0.4 u S.
constexpr double kRoundingSize = 0.4;

double chain_walk(int64_t n) { return kRoundingSize * kUnitF32 * std::sqrt(static_cast<double>(n)); }
/// The halvings weigh 2 together (1 + 1/2 + 1/4 ...), partial sums there are whole, not typical: times 3; the lanes add
/// chains of 1/32 of the sum each.
double tree_walk(int64_t n) { return kRoundingSize * kUnitF32 * std::sqrt(6.0 + static_cast<double>(n) / 1024.0); }
/// A cut loses 0.75 u of the partial sum on average; where all terms have one sign, aligning them loses a bit more.
double tensor_core_walk(int64_t n) { return kUnitF32 * tensor_core_steps(n); }

}  // namespace

bool flushes_subnormals(Accumulator accumulator) { return accumulator == Accumulator::any; }

double accumulation_bound(Accumulator accumulator, int64_t n) {
  const auto terms = static_cast<double>(n);
  switch (accumulator) {
    case Accumulator::none: return 0.0;
    case Accumulator::f32_chain:
    case Accumulator::scalar_any: return worst_case(terms);
    case Accumulator::f32_tree: return worst_case(std::min(terms, tree_depth(n)));
    case Accumulator::tensor_core: return tensor_core(n);
    case Accumulator::any: return std::max(worst_case(terms), tensor_core(n));
  }
  return 0.0;
}

double accumulation_walk(Accumulator accumulator, int64_t n) {
  switch (accumulator) {
    case Accumulator::none: return 0.0;
    case Accumulator::f32_chain: return chain_walk(n);
    case Accumulator::f32_tree: return tree_walk(n);
    case Accumulator::tensor_core: return tensor_core_walk(n);
    case Accumulator::scalar_any: return std::max(chain_walk(n), tree_walk(n));
    case Accumulator::any: return std::max({chain_walk(n), tree_walk(n), tensor_core_walk(n)});
  }
  return 0.0;
}

double expected_accumulation_error(Accumulator accumulator, int64_t n, double sum, double magnitudes) {
  if (n <= 0) return 0.0;
  // Terms of random sign: partial sums are of the order magnitudes / sqrt(n). Terms of one sign: they grow linearly to
  // the sum, sum / sqrt(3) in the root mean square.
  const double grown = sum * sum / 3.0;
  const double wandering = magnitudes * magnitudes / static_cast<double>(n);
  return accumulation_walk(accumulator, n) * std::sqrt(grown + wandering);
}

// CUDA C++ Programming Guide, table of maximum errors of f32 functions with default flags: tested there, not proven.
// tanh has 2 there; written as 1 - 2 / (exp(2x) + 1) it has up to 5.
double function_ulps(Function function) {
  switch (function) {
    case Function::exp: return 2.0;
    case Function::rsqrt: return 2.0;
    case Function::sin: return 2.0;
    case Function::cos: return 2.0;
    case Function::pow: return 8.0;
    case Function::tanh: return 5.0;
  }
  return 0.0;
}

/// A correctly rounded function has 0.29; the special-function unit is off by one place in a fifth of its results.
double function_typical_ulps(Function function) {
  switch (function) {
    case Function::exp:
    case Function::rsqrt:
    case Function::sin:
    case Function::cos:
    case Function::tanh: return 0.6;
    case Function::pow: return 1.0;
  }
  return 0.0;
}

}  // namespace plumbline
