// SPDX-License-Identifier: Apache-2.0
// The declared orders and roundings once more, as plain loops over plain floats: what kernel tests expect, bit for bit.
// Invariant: shares no code with the kernels but exp_f32 (which has its own litmus test) and the rule of one
// tensor-core step for one element (which is what the products are declared to be).
#pragma once
#include <cmath>
#include <vector>

#include <plumbline/dtype.h>

#include "cuda/common/bf16.h"
#include "cuda/common/math.h"
#include "cuda/twin/mma_step.h"

namespace plumbline::test {

using twin::bf16;

inline float widen(bf16 value) { return bf16_to_f32(value.bits); }
/// One rounding to nearest even; a NaN as the GPU writes it.
inline bf16 rounded(float value) { return std::isnan(value) ? bf16{0x7FFF} : bf16{f32_to_bf16(value)}; }

/// x . w by a chain of tensor-core steps over k = 0..15, 16..31, ...
inline float chain(const bf16* x, const bf16* w, int depth, int64_t w_stride = 1) {
  float sum = 0.0f;
  for (int k0 = 0; k0 < depth; k0 += 16) {
    uint16_t a[16] = {}, b[16] = {};
    for (int k = 0; k < 16 && k0 + k < depth; ++k) {
      a[k] = x[k0 + k].bits;
      b[k] = w[(k0 + k) * w_stride].bits;
    }
    sum = twin::mma_dot(a, 1, b, sum);
  }
  return sum;
}

/// x . w by one fma per k.
inline float fma_chain(const float* x, const bf16* w, int depth) {
  float sum = 0.0f;
  for (int k = 0; k < depth; ++k) sum = std::fma(x[k], widen(w[k]), sum);
  return sum;
}

/// Adds 32 lanes by the tree 16, 8, 4, 2, 1.
inline float lane_tree(std::vector<float> lanes) {
  for (size_t distance = 16; distance > 0; distance /= 2) {
    for (size_t lane = 0; lane < distance; ++lane) lanes[lane] += lanes[lane + distance];
  }
  return lanes[0];
}

struct HostNorm {
  float var = 0.0f, rstd = 0.0f;
  std::vector<float> n32, out32;
  std::vector<bf16> n, out;
};

/// RMSNorm of one row; `two` roundings (llama) or one (olmo); out32 is the value before the output rounding.
inline HostNorm host_norm(const bf16* x, const bf16* weight, int columns, float eps, bool two) {
  std::vector<float> lanes(32);
  for (int lane = 0; lane < 32; ++lane) {
    float slots[4] = {};
    for (int c = 0; c < columns; ++c) {
      if (c / 4 % 32 == lane) slots[c % 4] += widen(x[c]) * widen(x[c]);
    }
    lanes[size_t(lane)] = ((slots[0] + slots[1]) + slots[2]) + slots[3];
  }
  HostNorm norm;
  norm.var = lane_tree(lanes) * (1.0f / float(columns));
  norm.rstd = 1.0f / std::sqrt(norm.var + eps);
  for (int c = 0; c < columns; ++c) {
    norm.n32.push_back(widen(x[c]) * norm.rstd);
    norm.n.push_back(rounded(norm.n32.back()));
    norm.out32.push_back(widen(weight[c]) * (two ? widen(norm.n.back()) : norm.n32.back()));
    norm.out.push_back(rounded(norm.out32.back()));
  }
  return norm;
}

}  // namespace plumbline::test
