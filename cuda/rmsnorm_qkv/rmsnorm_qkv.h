// SPDX-License-Identifier: Apache-2.0
// RMSNorm and the query, key and value projections: in one launch, the normalised row never reaching device memory, or,
// of many rows with memory to work in (NormInput::normed), in two.
// Invariant: the same bits as rmsnorm followed by three linear; writes all of q, k, v and every wanted tap.
// Left to others: the norms per head and RoPE (heads). Contracts: rmsnorm_qkv_kernel.cuh, one_pass_kernel.cuh.
#pragma once
#include "cuda/common/launch.h"
#include "cuda/common/tap.h"
#include "cuda/rmsnorm/norm.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// One of the three projections.
struct Projection {
  const bf16* weight;  ///< [columns, norm.columns]
  const bf16* bias;    ///< [columns], or null
  bf16* y;             ///< [rows, columns]; null: y32 instead
  int columns;
  float* y32 = nullptr;  ///< [rows, columns]: the sum as it is, nothing rounded to bf16 (linear/f32out)
};

struct RmsNormQkvArgs {
  NormInput norm;
  NormRounding rounding;  ///< two: variant `hf`; one: `single`; none: `f32`, whose products run on CUDA cores
  Projection projections[3];
  Operands operands = Operands::as_given;  ///< of the products; anything else under rounding none only
  bool one_pass = false;                   ///< variant `exact`: x is read once, the same bits; rounding two only
};

/// Tap slots: NormTap from 0, the norm's output in kOut. No rows: nothing happens. Throws BackendError for a null
/// pointer, extents below 1, a block that is not whole warps, operands of another format behind a norm that rounds, and
/// for one_pass under another rounding or with rows that
/// do not fit into shared memory.
void rmsnorm_qkv(const RmsNormQkvArgs& args, const RecordTap* taps, int block_threads, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
