// SPDX-License-Identifier: Apache-2.0
// The statistics of several taps, chunk by chunk, in one launch. Invariant: every partial result is written, with the
// bits of partial_statistics() on the host. Left to others: joining the chunks (core/statistics.h, on the host).
#pragma once
#include "core/statistics.h"
#include "cuda/common/launch.h"
#include "cuda/common/pieces.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

struct StatisticsArgs {
  static constexpr int kMost = 32;  ///< taps of one launch
  const void* values[kMost];        ///< bf16 or f32, aligned to 16 bytes
  int64_t counts[kMost];            ///< elements
  bool is_f32[kMost];
  int64_t first_chunk[kMost + 1];  ///< of each tap among all; the last entry used is the number of chunks
  PartialStatistics* partials;     ///< [chunks]
  int taps;
};

/// No taps, or no elements: nothing happens. Throws BackendError for a pointer that is null or not aligned, a count
/// below 1, or chunks that do not fit the counts.
void statistics(const StatisticsArgs& args, Stream stream);

/// The same for a table: partials[chunk] of every chunk that holds something, in the order of memory. No chunks:
/// nothing happens. Throws BackendError for a null pointer or keys below 1.
void statistics(const PieceTable& table, PartialStatistics* partials, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
