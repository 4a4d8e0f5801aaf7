// SPDX-License-Identifier: Apache-2.0
// y[m,:] = table[tokens[m],:], or R(scale * that); one block a row.
// NUMERICS CONTRACT embedding/copy
//   types    bf16 in and out; scale and product f32
//   order    none: elements do not meet
//   rounding scale 1: none   else R1 row * scale in f32   R2 to bf16, both to nearest even
//   special  a copy keeps NaN payloads; a product does not
//   repeat   the same bits everywhere
//   source   at::embedding; the scale as a Python float times a bf16 tensor (the factor is rounded to f32)
//   checked  tests/kernel/embedding
#pragma once
#include "cuda/common/dependent_launch.h"
#include "cuda/embedding/embedding.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

__global__ void embedding_kernel(EmbeddingArgs args) {
  let_next_start();
  wait_for_previous();
  const bf16* row = args.table + args.tokens[blockIdx.x] * args.columns;
  bf16* y = args.y + int64_t(blockIdx.x) * args.columns;
  for (int c = int(threadIdx.x); c < args.columns; c += int(blockDim.x)) {
    y[c] = args.scale == 1.0f ? row[c] : to_bf16(__fmul_rn(to_f32(row[c]), args.scale));  // R1 R2
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
