// SPDX-License-Identifier: Apache-2.0
// Number formats of tensors: names, sizes, and exact or correctly rounded conversions to and from double.
// Invariant: decoding is exact; encoding rounds once, to nearest even, straight from the double.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace plumbline {

enum class DType : uint8_t { f64, f32, f16, bf16, f8_e4m3fn, f8_e5m2, i64, i32, i16, i8, u64, u32, u16, u8, boolean };

/// Bytes of one element.
size_t element_bytes(DType dtype);
/// "bf16", "f32", ...: the spelling used in traces, reports and options.
std::string_view dtype_name(DType dtype);
/// The inverse of dtype_name; also takes the upper-case spellings of safetensors ("BF16", "F32", "I64", "BOOL").
std::optional<DType> parse_dtype(std::string_view name);
bool is_floating(DType dtype);

/// One bf16 value as float; exact (NaN payloads kept).
float bf16_to_f32(uint16_t bits);
/// Nearest bf16, ties to even; overflow gives an infinity, any NaN gives 0x7FC0 with the sign kept.
uint16_t f32_to_bf16(float value);

/// Decodes the element at `element`, exactly (64-bit integers beyond 2^53 round to nearest even).
double decode(DType dtype, const std::byte* element);
/// Encodes `value` with one rounding to nearest even; f8_e4m3fn saturates to NaN, integers must be exact.
/// Throws InputError if an integer format cannot hold the value exactly.
void encode(DType dtype, double value, std::byte* element);
/// The value that `dtype` holds after rounding `value` once to nearest even (overflow to infinity included).
double round_to(DType dtype, double value);
/// Spacing of the floating format at |value| (2^(exponent - fraction bits), the subnormal spacing near zero); 0 for
/// integers.
double ulp(DType dtype, double value);
/// Largest finite value of a floating format.
double max_finite(DType dtype);

}  // namespace plumbline
