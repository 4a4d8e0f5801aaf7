// SPDX-License-Identifier: Apache-2.0
// Host side of elementwise: checks, one thread an element, launch. Invariant: elementwise.h. Device code:
// elementwise_kernel.cuh.
#include "cuda/elementwise/elementwise.h"

#include "cuda/common/require.h"
#include "cuda/elementwise/elementwise_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

void elementwise(ElementwiseOp op, const ElementwiseArgs& args, int block_threads, Stream stream) {
  if (args.count == 0) return;
  require_pointers("elementwise", {{"a", args.a}, {"y", args.y}});
  if (op != ElementwiseOp::silu) require_pointers("elementwise", {{"b", args.b}});
  require_block("elementwise", block_threads);
  const LaunchShape shape{dim3(blocks_for(args.count, block_threads)), dim3(unsigned(block_threads)), 0};
  switch (op) {
    case ElementwiseOp::add: launch("add", shape, stream, elementwise_kernel<ElementwiseOp::add>, args); break;
    case ElementwiseOp::multiply:
      launch("multiply", shape, stream, elementwise_kernel<ElementwiseOp::multiply>, args);
      break;
    case ElementwiseOp::silu: launch("silu", shape, stream, elementwise_kernel<ElementwiseOp::silu>, args); break;
  }
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
