// SPDX-License-Identifier: Apache-2.0
// add, multiply and activations on their own: the unfused path. Invariant: y may not overlap a or b; all of y is
// written. Left to others: the same operations inside linear and swiglu. Contract: elementwise_kernel.cuh.
#pragma once
#include "cuda/common/arithmetic.h"
#include "cuda/common/bf16.h"
#include "cuda/common/launch.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

enum class ElementwiseOp : int { add, multiply, silu, gelu_tanh };

struct ElementwiseArgs {
  const bf16* a;
  const bf16* b;  ///< of add and multiply, else null
  bf16* y;
  int64_t count;
  Arithmetic arithmetic = Arithmetic::portable;  ///< of silu; the others have no choice
};

/// No elements: nothing happens. Throws BackendError for a null pointer or a block that is not whole warps.
void elementwise(ElementwiseOp op, const ElementwiseArgs& args, int block_threads, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
