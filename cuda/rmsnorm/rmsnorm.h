// SPDX-License-Identifier: Apache-2.0
// RMSNorm on its own: the unfused path and the final norm. Invariant: reads x and weight, writes all of y and every
// wanted tap. Left to others: the same norm inside rmsnorm_qkv, swiglu and heads. Contract: norm_row.cuh.
#pragma once
#include "cuda/common/launch.h"
#include "cuda/common/tap.h"
#include "cuda/rmsnorm/norm.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

struct RmsNormArgs {
  const bf16* x;       ///< [rows, columns]
  const bf16* weight;  ///< [columns]
  void* y;             ///< [rows, columns]: bf16, or f32 under NormRounding::none
  int rows;
  int columns;
  float eps;
  NormRounding rounding;
  Arithmetic arithmetic = Arithmetic::portable;
  int mean_lanes = 32;         ///< norm.h
  float weight_offset = 0.0f;  ///< norm.h
};

/// Tap slots: NormTap from 0 (out excepted, which is y). No rows: nothing happens. Throws BackendError for a null
/// pointer, extents below 1 or a block that is not whole warps.
void rmsnorm(const RmsNormArgs& args, const RecordTap* taps, int block_threads, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
