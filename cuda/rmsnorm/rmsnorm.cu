// SPDX-License-Identifier: Apache-2.0
// Host side of rmsnorm, without defect: which kernel takes which rows, which moves no bit. Invariant: rmsnorm.h.
// Launches: rmsnorm_launch.cuh, norm_rows.cuh. Device code: rmsnorm_kernel.cuh.
#include "cuda/rmsnorm/rmsnorm.h"

#include "cuda/rmsnorm/norm_rows.cuh"
#include "cuda/rmsnorm/rmsnorm_launch.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

void rmsnorm(const RmsNormArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (!check_rmsnorm(args, block_threads)) return;
  const NormInput norm{.x = args.x,
                       .weight = args.weight,
                       .rows = args.rows,
                       .columns = args.columns,
                       .eps = args.eps,
                       .arithmetic = args.arithmetic,
                       .mean_lanes = args.mean_lanes,
                       .weight_offset = args.weight_offset};
  if (takes_quads(norm, args.rounding, args.y))
    return norm_rows(norm, args.rounding, static_cast<bf16*>(args.y), taps, stream);
  with_arithmetic(args.arithmetic, [&](auto arithmetic) {
    start_rmsnorm<Defect::none, arithmetic.value>(args, taps, block_threads, stream);
  });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
