// SPDX-License-Identifier: Apache-2.0
// One output of the tensor core from hand-written terms: a kernel on the twin runs the whole tile, element (0, 0) is
// the one asked for. Invariant: all other products are zero. Values given as float must be exact in bf16.
#pragma once
#include <bit>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <stdexcept>

#include "tests/litmus/litmus_kernels.h"

namespace plumbline::litmus {

/// One product a * b.
struct Term {
  float a, b;
};

inline uint16_t exact_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0xFFFFu) != 0) throw std::invalid_argument("not a bf16 value");
  return uint16_t(bits >> 16);
}

/// d = c + the sum of the terms, which stand at k = 0, 1, ... (a multiple of 16 of them makes a chain of steps).
inline uint32_t tensor_core_bits(std::initializer_list<Term> terms, float c) {
  MmaInput in;
  in.depth = terms.size() <= 16 ? 16 : int((terms.size() + 15) / 16 * 16);
  in.a.resize(size_t(16 * in.depth));
  in.b.resize(size_t(8 * in.depth));
  in.c.resize(128);
  size_t k = 0;
  for (const Term& term : terms) {
    in.a[k] = exact_bf16(term.a);
    in.b[k] = exact_bf16(term.b);
    ++k;
  }
  in.c[0] = std::bit_cast<uint32_t>(c);
  return twin::litmus::mma(in)[0];
}

inline float tensor_core(std::initializer_list<Term> terms, float c) {
  return std::bit_cast<float>(tensor_core_bits(terms, c));
}

}  // namespace plumbline::litmus
