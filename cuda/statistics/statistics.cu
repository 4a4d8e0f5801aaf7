// SPDX-License-Identifier: Apache-2.0
// Host side of statistics: checks, one block a chunk, launch. Invariant: statistics.h. Device code:
// statistics_kernel.cuh.
#include "cuda/statistics/statistics.h"

#include "cuda/common/require.h"
#include "cuda/statistics/statistics_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

void statistics(const StatisticsArgs& args, Stream stream) {
  if (args.taps == 0) return;
  require_pointers("statistics", {{"partials", args.partials}});
  for (int i = 0; i < args.taps; ++i) {
    require_pointers("statistics", {{"values", args.values[i]}});
    if (!is_aligned(args.values[i]))
      throw BackendError("launch of 'statistics': values are not aligned to 16 bytes",
                         {"tap " + std::to_string(i) + " of the launch"}, "give whole tensors");
    const int64_t chunks = args.first_chunk[i + 1] - args.first_chunk[i];
    if (args.counts[i] >= 1 && chunks == statistics_chunks(args.counts[i])) continue;
    throw BackendError("launch of 'statistics': chunks do not fit the number of values",
                       {"values  " + std::to_string(args.counts[i]), "chunks  " + std::to_string(chunks)}, "");
  }
  launch("statistics", LaunchShape{dim3(unsigned(args.first_chunk[args.taps])), dim3(kStatisticsThreads), 0}, stream,
         statistics_kernel, args);
}

void statistics(const PieceTable& table, PartialStatistics* partials, Stream stream) {
  if (table.chunk_count == 0) return;
  require_positive("statistics", {{"keys", table.keys}});
  require_pointers("statistics", {{"pieces", table.pieces}, {"chunks", table.chunks}, {"partials", partials}});
  launch("statistics of pieces", LaunchShape{dim3(unsigned(table.chunk_count)), dim3(kStatisticsThreads), 0}, stream,
         piece_statistics_kernel, table, partials);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
