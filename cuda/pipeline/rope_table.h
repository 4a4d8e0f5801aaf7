// SPDX-License-Identifier: Apache-2.0
// The cos/sin table of rotary position embedding, made on the host. Invariant: the same bits on every machine: each f32
// value is the correctly rounded result of its f32 operands (computed in double, rounded once). Left to others:
// rotation.
#pragma once
#include <cstdint>
#include <optional>

#include <plumbline/op_graph.h>
#include <plumbline/tensor.h>

namespace plumbline {

/// Everything that rope-table/f32 and rope-table/f32out record. D: head_dim.
struct RopeTable {
  Tensor inv_freq;      ///< f32 [D/2]
  Tensor freqs;         ///< f32 [1, tokens, D/2]
  Tensor cos32, sin32;  ///< f32 [1, tokens, D]
  Tensor cos, sin;      ///< bf16 [1, tokens, D]
};

// NUMERICS CONTRACT rope-table/f32; rope-table/f32out hands out R5
//   types    theta, head_dim, positions -> f32 -> bf16
//   order    A1 inv_freq[i] = 1 / theta^(2i / D)   A2 freqs = position * inv_freq
//            A3 cos, sin of freqs, the D/2 angles twice
//   rounding R1 2i / D   R2 theta (to f32) to that power   R3 1 / that   R4 position * inv_freq
//            R5 cos, sin: each to f32, nearest even   R6 cos, sin to bf16
//            torch/sm90: R2 is powf/sleef, R5 are cosf/cuda and sinf/cuda (torch_functions.h)
//            Scaling llama3 or linear stands between R3 and R4: each operation of scaled() to f32
//            longrope: L1 factor * R2, whose reciprocal is R3; L2 cos, sin times the attention factor
//   special  position 0: cos 1, sin +0. D odd, tokens or D below 1: BackendError
//   repeat   the same bits everywhere unless a libm's double pow, cos or sin errs by more than 2^28 double ulp
//   source   transformers Qwen3RotaryEmbedding, _compute_llama3_parameters (same operations in the same order);
//            PyTorch's f32 pow, cos and sin may differ by an ulp in R2 and R5
//   checked  tests/kernel/pipeline/rope_table_test.cpp
/// Whose pow, cos and sin.
enum class RopeFunctions : uint8_t { rounded, torch_sm90 };

/// The table for positions first ... first + tokens - 1, as of one step: longrope asks where that ends. Throws
/// BackendError under torch_sm90 unless head_dim is a multiple of 64: of others LibTorch computes the rest by another
/// pow.
RopeTable make_rope_table(double theta, int64_t head_dim, int64_t first_position, int64_t tokens,
                          const std::optional<RopeScaling>& scaling = {},
                          RopeFunctions functions = RopeFunctions::rounded);

}  // namespace plumbline
