// SPDX-License-Identifier: Apache-2.0
// The kernels of rmsnorm_qkv under a tap that destroys each row of x as soon as its statistic has been taken.
#pragma once
#include "cuda/rmsnorm_qkv/rmsnorm_qkv.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Runs the fused kernel, in one pass or not, with rounding two; only the grid's first column of blocks overwrites, so
/// only its outputs tell whether a block reads what it has overwritten. `x` is args.norm.x and holds NaN afterwards.
void rmsnorm_qkv_overwriting_x(const RmsNormQkvArgs& args, bf16* x, int block_threads);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
