// SPDX-License-Identifier: Apache-2.0
// Host side of gather: checks, one block a chunk, launch. Invariant: gather.h. Device code: gather_kernel.cuh.
#include "cuda/gather/gather.h"

#include "cuda/common/require.h"
#include "cuda/gather/gather_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

LaunchShape shape_of(const char* op, const PieceTable& table) {
  require_positive(op, {{"keys", table.keys}});
  require_pointers(op, {{"pieces", table.pieces}, {"chunks", table.chunks}});
  return {dim3(unsigned(table.chunk_count)), dim3(kGatherThreads), 0};
}

}  // namespace

void gather(const GatherArgs& args, Stream stream) {
  if (args.table.chunk_count == 0) return;
  const LaunchShape shape = shape_of("gather", args.table);
  require_pointers("gather", {{"target", args.target}, {"unwritten", args.unwritten}});
  launch("gather", shape, stream, gather_kernel, args);
}

void leave_poison(const PieceTable& table, Stream stream) {
  if (table.chunk_count == 0) return;
  launch("leave_poison", shape_of("leave_poison", table), stream, leave_poison_kernel, table);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
