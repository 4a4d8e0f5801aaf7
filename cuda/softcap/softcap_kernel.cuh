// SPDX-License-Identifier: Apache-2.0
// y[i] = softcap(x[i]); one thread an element. NUMERICS CONTRACT softcap/rounded: softcap_value.cuh, nothing added.
#pragma once
#include "cuda/common/tap.h"
#include "cuda/softcap/softcap.h"
#include "cuda/softcap/softcap_value.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

template <class Tap>
__global__ void softcap_kernel(SoftcapArgs args, Tap tap) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= args.count) return;
  const CappedValue value = softcap_value(args.x[i], args.cap);
  tap.store(SoftcapTap::kQuotient, i, value.quotient);
  tap.store(SoftcapTap::kTanh, i, value.tanh);
  args.y[i] = value.out;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
