// SPDX-License-Identifier: Apache-2.0
// The soft cap of the logits, cap * tanh(x / cap). Invariant: writes all of y and every wanted tap; y may be x. Left to
// others: the same cap inside attention. Contract: softcap_value.cuh.
#pragma once
#include "cuda/common/bf16.h"
#include "cuda/common/launch.h"
#include "cuda/common/tap.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

struct SoftcapArgs {
  const bf16* x;
  bf16* y;
  int64_t count;
  float cap;
};

/// bf16, as many as elements.
struct SoftcapTap {
  static constexpr int kQuotient = 0, kTanh = 1, kCount = 2;
};

/// No elements: nothing happens. Throws BackendError for a null pointer or a block that is not whole warps.
void softcap(const SoftcapArgs& args, const RecordTap* taps, int block_threads, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
