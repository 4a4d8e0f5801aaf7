// SPDX-License-Identifier: Apache-2.0
// Host side of embedding: checks, one block a row, launch. Invariant: embedding.h. Device code: embedding_kernel.cuh.
#include "cuda/embedding/embedding.h"

#include "cuda/common/require.h"
#include "cuda/embedding/embedding_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

void embedding(const EmbeddingArgs& args, int block_threads, Stream stream) {
  if (args.rows == 0) return;
  require_positive("embedding", {{"rows", args.rows}, {"columns", args.columns}});
  require_pointers("embedding", {{"tokens", args.tokens}, {"table", args.table}, {"y", args.y}});
  require_block("embedding", block_threads);
  launch("embedding", LaunchShape{dim3(unsigned(args.rows)), dim3(unsigned(block_threads)), 0, true}, stream,
         embedding_kernel, args);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
