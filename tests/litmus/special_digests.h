// SPDX-License-Identifier: Apache-2.0
// Digests of a function of one float over all 2^32 inputs, in 512 blocks: block b holds the bit patterns b * 2^23 ...
// b * 2^23 + 2^23 - 1 (sign and exponent). Invariant: the digest of a block is the sum of mixed(input, result), so it
// does not depend on the order. Left to others: what was recorded (dumps/golden/sm90/special_functions.json).
#pragma once
#include <cstdint>
#include <vector>

#include "cuda/common/kernel.h"

namespace plumbline::litmus {

enum class SpecialFunction : int { rsqrt, ex2, exp, cos, sin };
inline constexpr int kDigestBlocks = 512;
inline constexpr uint32_t kBlockInputs = 1u << 23;

/// One input and its result as 64 well mixed bits (the finaliser of splitmix64).
__host__ __device__ __forceinline__ uint64_t mixed(uint32_t input, uint32_t result) {
  uint64_t z = (uint64_t(input) << 32 | result) + 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

}  // namespace plumbline::litmus

namespace plumbline::cuda::litmus {
/// On the GPU: by its own instruction or CUDA's library function.
std::vector<uint64_t> special_digests(plumbline::litmus::SpecialFunction function);
/// On the GPU: inputs for which the model of rsqrt or ex2 (special_unit.h) gives another bit than the instruction.
uint64_t count_unlike_model(plumbline::litmus::SpecialFunction function);
}  // namespace plumbline::cuda::litmus
