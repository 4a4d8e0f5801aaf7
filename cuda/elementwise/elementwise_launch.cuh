// SPDX-License-Identifier: Apache-2.0
// Checks, one thread an element, and launch of one elementwise op for any defect. Invariant: elementwise.h.
// elementwise.cu instantiates it without one, cuda/faults/ with one.
#pragma once
#include "cuda/common/require.h"
#include "cuda/elementwise/elementwise_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

template <ElementwiseOp kOp, Defect kDefect, Arithmetic kArithmetic = Arithmetic::portable>
void start_elementwise(const char* name, const ElementwiseArgs& args, int block_threads, Stream stream) {
  if (args.count == 0) return;
  require_pointers("elementwise", {{"a", args.a}, {"y", args.y}});
  if (kOp == ElementwiseOp::add || kOp == ElementwiseOp::multiply) require_pointers("elementwise", {{"b", args.b}});
  require_block("elementwise", block_threads);
  const LaunchShape shape{dim3(blocks_for(args.count, block_threads)), dim3(unsigned(block_threads)), 0};
  launch(name, shape, stream, elementwise_kernel<kOp, kDefect, kArithmetic>, args);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
