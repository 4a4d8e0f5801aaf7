// SPDX-License-Identifier: Apache-2.0
// RMSNorm, gate and up projections, SiLU (or GELU) and the product in one launch, or, of many rows with memory to work
// in (NormInput::normed), in two. Invariant: the same bits as rmsnorm, two linear, silu (or gelu_tanh) and multiply one
// after the other; writes all of y and every wanted tap. Left to others: the down projection (linear). Contract:
// swiglu_kernel.cuh.
#pragma once
#include "cuda/common/launch.h"
#include "cuda/common/tap.h"
#include "cuda/rmsnorm/norm.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

struct SwigluArgs {
  NormInput norm;
  NormRounding rounding;
  const bf16* gate_weight;  ///< [columns, norm.columns]
  const bf16* up_weight;    ///< [columns, norm.columns]
  const bf16* gate_bias;    ///< [columns], or null
  const bf16* up_bias;      ///< [columns], or null
  bf16* y;                  ///< [rows, columns]
  int columns;
  bool gelu = false;  ///< GELU as tanh approximates it, in place of SiLU; portable arithmetic only
};

/// bf16 [rows, columns] each, after the norm's slots (NormTap from 0, the norm's output in kOut).
struct SwigluTap {
  static constexpr int kGate = NormTap::kCount, kUp = kGate + 1, kAct = kGate + 2, kCount = kGate + 3;
};

/// No rows: nothing happens. Throws BackendError for a null pointer, extents below 1 or a block that is not whole
/// warps.
void swiglu(const SwigluArgs& args, const RecordTap* taps, int block_threads, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
