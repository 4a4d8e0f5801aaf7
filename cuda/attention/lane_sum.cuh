// SPDX-License-Identifier: Apache-2.0
// A sum of products as vector kernels (cuBLAS's gemv) have it: lanes of chains, then a tree. One thread does it all.
// Invariant: the order that LaneOrder (attention.h) says. Left to others: which shape has which order.
// NUMERICS CONTRACT lane_sum/v1
//   types    a, b bf16; sum f32
//   order    A1 each lane: fma over its terms, ascending, from +0   A2 the lanes: halves, or one after the other
//   rounding R1 one nearest-even per fma (the product is exact) and per addition of A2
//   special  as fma has them; lanes without a term are +0
//   repeat   the same bits everywhere
//   source   orders found by asking LibTorch's attention on an H200 (`plumbline order`, FPRev)
//   checked  tests/kernel/attention
#pragma once
#include "cuda/attention/attention.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// The sum of `terms` products; `product_into(k, sum)` gives fma(a_k, b_k, sum).
template <class ProductInto>
__device__ __forceinline__ float lane_sum(const LaneOrder& order, int terms, const ProductInto& product_into) {
  float sums[kMaxSumLanes] = {};
  for (int lane = 0; lane < order.lanes; ++lane) {
    float sum = 0.0f;
    for (int first = lane * order.vector; first < terms; first += order.lanes * order.vector) {
      for (int k = first; k < terms && k < first + order.vector; ++k) sum = product_into(k, sum);  // A1 R1
    }
    sums[lane] = sum;
  }
  if (order.sequential) {
    for (int lane = 1; lane < order.lanes; ++lane) sums[0] = __fadd_rn(sums[0], sums[lane]);  // A2 R1
    return sums[0];
  }
  for (int half = order.lanes / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) sums[lane] = __fadd_rn(sums[lane], sums[lane + half]);  // A2 R1
  }
  return sums[0];
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
