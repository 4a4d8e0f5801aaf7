// SPDX-License-Identifier: Apache-2.0
// Host side of elementwise, without defect. Invariant: elementwise.h. Launch: elementwise_launch.cuh. Device code:
// elementwise_kernel.cuh.
#include "cuda/elementwise/elementwise.h"

#include "cuda/elementwise/elementwise_launch.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

void elementwise(ElementwiseOp op, const ElementwiseArgs& args, int block_threads, Stream stream) {
  using enum ElementwiseOp;
  switch (op) {
    case add: return start_elementwise<add, Defect::none>("add", args, block_threads, stream);
    case multiply: return start_elementwise<multiply, Defect::none>("multiply", args, block_threads, stream);
    case gelu_tanh: return start_elementwise<gelu_tanh, Defect::none>("gelu_tanh", args, block_threads, stream);
    case silu:
      return with_arithmetic(args.arithmetic, [&](auto arithmetic) {
        start_elementwise<silu, Defect::none, arithmetic.value>("silu", args, block_threads, stream);
      });
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
