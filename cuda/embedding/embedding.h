// SPDX-License-Identifier: Apache-2.0
// Rows of the embedding table, copied or scaled. Invariant: all of y is written. Left to others: checking that every
// token is below the vocabulary's size (the caller; a kernel cannot report it). Contract: embedding_kernel.cuh.
#pragma once
#include "cuda/common/bf16.h"
#include "cuda/common/launch.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

struct EmbeddingArgs {
  const int64_t* tokens;  ///< [rows], each in [0, vocabulary)
  const bf16* table;      ///< [vocabulary, columns]
  bf16* y;                ///< [rows, columns]
  int rows;
  int columns;
  float scale;  ///< exactly 1: rows are copied bit for bit
};

/// No rows: nothing happens. Throws BackendError for a null pointer, columns below 1 or a block that is not whole
/// warps.
void embedding(const EmbeddingArgs& args, int block_threads, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
