// SPDX-License-Identifier: Apache-2.0
// RMSNorm and the query, key and value projections in one launch: the normalised row never reaches device memory.
// Invariant: the same bits as rmsnorm followed by three linear; writes all of q, k, v and every wanted tap.
// Left to others: the norms per head and RoPE (heads). Contract: rmsnorm_qkv_kernel.cuh.
#pragma once
#include "cuda/common/launch.h"
#include "cuda/common/tap.h"
#include "cuda/rmsnorm/norm.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// One of the three projections.
struct Projection {
  const bf16* weight;  ///< [columns, norm.columns]
  const bf16* bias;    ///< [columns], or null
  bf16* y;             ///< [rows, columns]
  int columns;
};

struct RmsNormQkvArgs {
  NormInput norm;
  NormRounding rounding;  ///< two: variant `hf`; one: `single`; none: `f32`, whose products run on CUDA cores
  Projection projections[3];
};

/// Tap slots: NormTap from 0, the norm's output in kOut. No rows: nothing happens. Throws BackendError for a null
/// pointer, extents below 1 or a block that is not whole warps.
void rmsnorm_qkv(const RmsNormQkvArgs& args, const RecordTap* taps, int block_threads, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
