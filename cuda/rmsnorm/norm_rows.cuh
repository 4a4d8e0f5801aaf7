// SPDX-License-Identifier: Apache-2.0
// Launches of the kernel that norms aligned rows: alone, or in front of a product over many rows, where a launch of its
// own costs less than norming every row anew in each block of columns. Invariant: rmsnorm.h; the taps are those of a
// kernel that norms inside. Left to others: any other rows (rmsnorm_launch.cuh).
#pragma once
#include "cuda/common/launch.h"
#include "cuda/common/require.h"
#include "cuda/rmsnorm/rmsnorm_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kNormRowsThreads = 128;

/// Whether rows, weights and output can be taken four by four.
inline bool takes_quads(const NormInput& norm, NormRounding rounding, const void* y) {
  const bool power = (norm.mean_lanes & (norm.mean_lanes - 1)) == 0;
  return rounding != NormRounding::none && norm.columns % 4 == 0 && is_aligned(norm.x) && is_aligned(norm.weight) &&
         is_aligned(y) && power && norm.mean_lanes >= 32 && norm.mean_lanes <= kMaxMeanLanes;
}

/// y: bf16 [rows, columns]. takes_quads() must hold.
inline void norm_rows(const NormInput& norm, NormRounding rounding, bf16* y, const RecordTap* taps, Stream stream) {
  const LaunchShape shape{dim3(blocks_for(norm.rows, kNormRowsThreads / 32)), dim3(kNormRowsThreads), 0, true};
  with_arithmetic(norm.arithmetic, [&](auto arithmetic) {
    with_tap<NormTap::kCount>(taps, [&](auto tap) {
      const auto start = [&](auto kernel) { launch("rmsnorm", shape, stream, kernel, norm, y, tap); };
      rounding == NormRounding::two ? start(rmsnorm_quads_kernel<NormRounding::two, arithmetic.value, decltype(tap)>)
                                    : start(rmsnorm_quads_kernel<NormRounding::one, arithmetic.value, decltype(tap)>);
    });
  });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
