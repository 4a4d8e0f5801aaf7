// SPDX-License-Identifier: Apache-2.0
// What an f32 sum can be off by, from the partial sums that it really meets: every addition loses at most half a unit
// in the last place of its own result. Invariant: `error` bounds every implementation of that order, `sum` included.
#pragma once
#include <span>
#include <vector>

#include <plumbline/contract.h>

namespace plumbline {

/// The exact sum (in f64) and the most that an f32 sum of the same terms differs from it.
struct RunningSum {
  double sum = 0.0, error = 0.0;
  double reach = 0.0;  ///< by how much more a partial sum may be away from the exact one: its terms are uncertain
  bool empty = true;

  /// The next term, added by one f32 addition; the first is taken as it is.
  void add(double term);
  /// Another partial sum, added by one f32 addition.
  void add(const RunningSum& other);
};

// What f32 arithmetic makes of that very order, which can drift: squares of bf16 values end in 0 or 1 of their last
// four units, never in 2 or 3, so that a long sum of many loses more than it gains; equal terms round alike.
float chain_in_f32(std::span<const double> terms);
float lanes_in_f32(std::span<const double> terms);
/// The expected size of an error where one order drifts by `off`, `otherwise` being that of random roundings: twice the
/// drift is still plausible.
double expected_with_drift(double otherwise, double off);

/// Half the spacing of f32 at that size: what one rounding to nearest of a value up to `size` loses.
double half_ulp_f32(double size);

/// What rounding each of these products to f32 first (no FMA) can move their sum by. Products of operands with short
/// significands, as bf16 has them, are exact.
double product_roundings(std::span<const double> a, std::span<const double> b);

// `given`: what the terms are off by already, altogether.
RunningSum chain_sum(std::span<const double> terms, double given);  ///< one after the other
RunningSum lanes_sum(std::span<const double> terms, double given);  ///< 32 strided lanes, then five halvings
/// Sum of a[i] b[i] in steps of 16 as a tensor core of sm_90 takes them (cuda/common/mma.h): terms cut to 25 bits below
/// the largest exponent, their sum cut to f32.
RunningSum tensor_core_sum(std::span<const double> a, std::span<const double> b, double given);
/// Terms >= 0 in whatever order is worst: a node of any tree of additions with m leaves is at most the sum of the m
/// largest terms, and at most n - m + 1 nodes have m leaves or more.
RunningSum worst_order_sum(std::vector<double> terms, double given);

}  // namespace plumbline
