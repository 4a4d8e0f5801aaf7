// SPDX-License-Identifier: Apache-2.0
// One-pass metrics of two tensors, `expected` and `actual`. Invariant: the same bits for any number of threads (fixed
// chunks of 2^16 elements, fixed binary merge tree). Judges nothing: what is too much follows from a contract.
#pragma once
#include <array>
#include <cstdint>

#include <plumbline/tensor.h>

namespace plumbline {

struct CompareOptions {
  int threads = 0;         ///< 0: all processors
  double ulp_floor = 0.0;  ///< below this magnitude of expected, ulps are those at the floor: cancellation is no error
};

/// 0: equal; b >= 1: more than 2^(b-2) and at most 2^(b-1) ulps ({1}, {2}, {3,4}, {5..8}, ...; fractions of one ulp
/// count as {1}); the last takes the rest.
inline constexpr size_t kUlpBuckets = 20;

struct Metrics {
  int64_t count = 0;
  bool bitwise_equal = false;   ///< same format and same bytes (false for empty tensors)
  int64_t mismatches = 0;       ///< pairs of unequal value; -0 equals +0, NaN equals NaN
  int64_t signed_zeros = 0;     ///< pairs of zeros with opposite signs (no mismatch)
  int64_t first_mismatch = -1;  ///< lowest flat index, -1 for none

  // Masks first: pairs that are not both finite are counted here and left out of every figure below.
  int64_t nan_only_expected = 0, nan_only_actual = 0, nan_both = 0;
  int64_t inf_only_expected = 0, inf_only_actual = 0;  ///< infinity against a finite value
  int64_t inf_both = 0, inf_opposite = 0;              ///< same sign, opposite signs
  int64_t first_mask_breach = -1;                      ///< lowest flat index where the masks differ
  int64_t finite_pairs = 0;

  double max_abs = 0.0;        ///< max |actual - expected|
  int64_t max_abs_index = -1;  ///< lowest flat index of it, -1 without a difference
  double expected_there = 0.0, actual_there = 0.0;
  double mean_error = 0.0;  ///< mean of actual - expected: a bias
  double mean_abs_error = 0.0;
  double rms_error = 0.0;
  double norm_expected = 0.0, norm_actual = 0.0, norm_error = 0.0;  ///< 2-norms
  double relative_l2 = 0.0;            ///< norm_error / norm_expected; 0 if both are 0, infinite if only the latter is
  double nmse = 0.0;                   ///< its square
  double one_minus_cosine = 0.0;       ///< 0 if both norms are 0, 1 if one is
  double one_minus_correlation = 0.0;  ///< the same, means subtracted (Pearson); 0 if both are constant, 1 if one is
  std::array<int64_t, kUlpBuckets> ulps{};  ///< finite pairs by distance in ulps of actual's format

  bool masks_agree() const { return first_mask_breach < 0; }
  double mismatch_fraction() const { return count ? static_cast<double>(mismatches) / static_cast<double>(count) : 0; }
};

/// Formats may differ (values are then compared, exactly widened); integers are compared exactly, but their
/// differences are taken in f64. Comparing nothing gives count 0, never "equal". Throws ShapeError if shapes differ.
Metrics compare(const TensorView& expected, const TensorView& actual, const CompareOptions& options = {});

}  // namespace plumbline
