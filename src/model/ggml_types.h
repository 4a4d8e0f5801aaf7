// SPDX-License-Identifier: Apache-2.0
// NUMERICS CONTRACT ggml blocks to f32
//   types    F32, F16, BF16 as they are; blocks of 32: Q8_0 (d f16, 32 i8), Q4_0 (d f16, 16 bytes of two nibbles), Q4_1
//            (d, m f16, 16 bytes); of 256: Q6_K (128 bytes of low nibbles, 64 of high pairs, 16 scales i8, d f16)
//   order    Q8_0 d*q; Q4_0 d*(q-8); Q4_1 (d*q)+m; Q6_K (d*scale)*(q-32), a scale for each 16 weights
//   rounding R1 each operation of these in f32, to nearest even. Every product is exact (11 bits of d, at most 7 + 5 of
//            scale and q), so only Q4_1's sum rounds
//   special  NaN and infinite d or m give NaN and infinities; an f32 keeps every bit, the payload of a NaN too
//   repeat   every number alone: nothing depends on threads or machine
//   source   ggml, ggml-quants.c (dequantize_row_q8_0, _q4_0, _q4_1, _q6_K) and ggml-common.h (the blocks)
//   checked  tests/unit/model/ggml_types_test.cpp; scripts/dev/check_gguf.py against the Python package gguf
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace plumbline {

struct GgmlType {
  uint32_t id;
  const char* name;
  int64_t block;        ///< weights of one block
  int64_t block_bytes;  ///< stored bytes of one block
  /// Widens `blocks` blocks. `from` needs no alignment.
  void (*widen)(const std::byte* from, int64_t blocks, float* to);
};

/// The type, or nullptr if it is none that is read here.
const GgmlType* find_ggml_type(uint32_t id);
/// "Q5_K", or "type 77": also of types that are not read.
std::string ggml_type_name(uint32_t id);
/// "F32, F16, ...": those that are read.
std::string readable_ggml_types();

}  // namespace plumbline
