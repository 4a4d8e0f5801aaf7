// SPDX-License-Identifier: Apache-2.0
// Formats by parameters: every small float is decoded and encoded by one routine from its exponent and fraction widths.
#include <plumbline/dtype.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include <plumbline/error.h>

namespace plumbline {
namespace {

struct FormatInfo {
  DType dtype;
  std::string_view name, safetensors_name;
  size_t bytes;
  int fraction_bits;  // 0 for integers
  int exponent_bits;
};

constexpr std::array<FormatInfo, 15> kFormats{{
    {DType::f64, "f64", "F64", 8, 52, 11},
    {DType::f32, "f32", "F32", 4, 23, 8},
    {DType::f16, "f16", "F16", 2, 10, 5},
    {DType::bf16, "bf16", "BF16", 2, 7, 8},
    {DType::f8_e4m3fn, "f8_e4m3fn", "F8_E4M3", 1, 3, 4},
    {DType::f8_e5m2, "f8_e5m2", "F8_E5M2", 1, 2, 5},
    {DType::i64, "i64", "I64", 8, 0, 0},
    {DType::i32, "i32", "I32", 4, 0, 0},
    {DType::i16, "i16", "I16", 2, 0, 0},
    {DType::i8, "i8", "I8", 1, 0, 0},
    {DType::u64, "u64", "U64", 8, 0, 0},
    {DType::u32, "u32", "U32", 4, 0, 0},
    {DType::u16, "u16", "U16", 2, 0, 0},
    {DType::u8, "u8", "U8", 1, 0, 0},
    {DType::boolean, "bool", "BOOL", 1, 0, 0},
}};

const FormatInfo& info(DType dtype) { return kFormats.at(static_cast<size_t>(dtype)); }

int bias(const FormatInfo& format) { return (1 << (format.exponent_bits - 1)) - 1; }
/// Exponent of the smallest normal number.
int min_exponent(const FormatInfo& format) { return 1 - bias(format); }
/// e4m3fn gives up infinities: its top exponent holds numbers, all ones is NaN.
bool has_infinity(const FormatInfo& format) { return format.dtype != DType::f8_e4m3fn; }

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

uint64_t load_bits(const FormatInfo& format, const std::byte* from) {
  uint64_t bits = 0;
  std::memcpy(&bits, from, format.bytes);  // little-endian hosts only, as every machine CUDA runs on
  return bits;
}

double decode_float(const FormatInfo& format, uint64_t bits) {
  const uint64_t fraction_mask = (uint64_t{1} << format.fraction_bits) - 1;
  const uint64_t exponent_mask = (uint64_t{1} << format.exponent_bits) - 1;
  const uint64_t fraction = bits & fraction_mask;
  const uint64_t exponent = (bits >> format.fraction_bits) & exponent_mask;
  const double sign = (bits >> (format.fraction_bits + format.exponent_bits)) & 1 ? -1.0 : 1.0;
  if (exponent == exponent_mask) {
    if (has_infinity(format)) {
      return fraction ? std::copysign(std::numeric_limits<double>::quiet_NaN(), sign)
                      : sign * std::numeric_limits<double>::infinity();
    }
    if (fraction == fraction_mask) return std::copysign(std::numeric_limits<double>::quiet_NaN(), sign);
  }
  const double significand = static_cast<double>(exponent ? fraction + fraction_mask + 1 : fraction);
  const int scale = (exponent ? static_cast<int>(exponent) : 1) - bias(format) - format.fraction_bits;
  return sign * std::ldexp(significand, scale);
}

uint64_t encode_float(const FormatInfo& format, double value) {
  const uint64_t sign = std::signbit(value) ? uint64_t{1} << (format.fraction_bits + format.exponent_bits) : 0;
  const uint64_t exponent_mask = (uint64_t{1} << format.exponent_bits) - 1;
  const uint64_t infinity = exponent_mask << format.fraction_bits;
  const uint64_t nan = has_infinity(format) ? infinity | (uint64_t{1} << (format.fraction_bits - 1))
                                            : infinity | ((uint64_t{1} << format.fraction_bits) - 1);
  if (std::isnan(value)) return sign | nan;
  const double rounded = std::fabs(round_to(format.dtype, value));
  if (std::isnan(rounded)) return sign | nan;
  if (std::isinf(rounded)) return sign | (has_infinity(format) ? infinity : nan);
  if (rounded == 0.0) return sign;
  const int exponent = std::max(std::ilogb(rounded), min_exponent(format));
  const auto significand = static_cast<uint64_t>(std::ldexp(rounded, format.fraction_bits - exponent));
  const uint64_t implicit = uint64_t{1} << format.fraction_bits;
  const uint64_t biased = significand >= implicit ? static_cast<uint64_t>(exponent + bias(format)) : 0;
  return sign | (biased << format.fraction_bits) | (significand & (implicit - 1));
}

template <class T>
void encode_integer(DType dtype, double value, std::byte* to) {
  // 2^digits is exact in double for every integer width, so the range test is exact too.
  const double limit = std::ldexp(1.0, std::numeric_limits<T>::digits);
  const double low = std::numeric_limits<T>::is_signed ? -limit : 0.0;
  if (!(value >= low && value < limit) || value != std::trunc(value)) {
    throw InputError("cannot store a value in an integer tensor",
                     {"value   " + std::to_string(value), "format  " + std::string(dtype_name(dtype))},
                     "store it as f64, or round it where it is made");
  }
  const T integer = static_cast<T>(value);
  std::memcpy(to, &integer, sizeof integer);
}

}  // namespace

size_t element_bytes(DType dtype) { return info(dtype).bytes; }
std::string_view dtype_name(DType dtype) { return info(dtype).name; }
bool is_floating(DType dtype) { return info(dtype).fraction_bits > 0; }

std::optional<DType> parse_dtype(std::string_view name) {
  for (const FormatInfo& format : kFormats) {
    if (name == format.name || name == format.safetensors_name) return format.dtype;
  }
  return std::nullopt;
}

float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t f32_to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>(((bits >> 16) & 0x8000u) | 0x7FC0u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

double decode(DType dtype, const std::byte* element) {
  switch (dtype) {
    case DType::f64: return load<double>(element);
    case DType::f32: return static_cast<double>(load<float>(element));
    case DType::bf16: return static_cast<double>(bf16_to_f32(load<uint16_t>(element)));
    case DType::i64: return static_cast<double>(load<int64_t>(element));
    case DType::i32: return load<int32_t>(element);
    case DType::i16: return load<int16_t>(element);
    case DType::i8: return load<int8_t>(element);
    case DType::u64: return static_cast<double>(load<uint64_t>(element));
    case DType::u32: return load<uint32_t>(element);
    case DType::u16: return load<uint16_t>(element);
    case DType::u8: return load<uint8_t>(element);
    case DType::boolean: return load<uint8_t>(element) ? 1.0 : 0.0;
    case DType::f16:
    case DType::f8_e4m3fn:
    case DType::f8_e5m2: return decode_float(info(dtype), load_bits(info(dtype), element));
  }
  throw Error("decode: unknown number format");
}

void encode(DType dtype, double value, std::byte* element) {
  switch (dtype) {
    case DType::f64: std::memcpy(element, &value, sizeof value); return;
    case DType::f32: {
      const auto single = static_cast<float>(value);
      std::memcpy(element, &single, sizeof single);
      return;
    }
    case DType::i64: return encode_integer<int64_t>(dtype, value, element);
    case DType::i32: return encode_integer<int32_t>(dtype, value, element);
    case DType::i16: return encode_integer<int16_t>(dtype, value, element);
    case DType::i8: return encode_integer<int8_t>(dtype, value, element);
    case DType::u64: return encode_integer<uint64_t>(dtype, value, element);
    case DType::u32: return encode_integer<uint32_t>(dtype, value, element);
    case DType::u16: return encode_integer<uint16_t>(dtype, value, element);
    case DType::u8: return encode_integer<uint8_t>(dtype, value, element);
    case DType::boolean: *element = static_cast<std::byte>(value != 0.0); return;
    case DType::f16:
    case DType::bf16:
    case DType::f8_e4m3fn:
    case DType::f8_e5m2: {
      const uint64_t bits = encode_float(info(dtype), value);
      std::memcpy(element, &bits, info(dtype).bytes);
      return;
    }
  }
}

double round_to(DType dtype, double value) {
  if (dtype == DType::f64 || std::isnan(value) || std::isinf(value) || value == 0.0) return value;
  if (dtype == DType::f32) return static_cast<double>(static_cast<float>(value));
  if (!is_floating(dtype)) return value;
  const double spacing = ulp(dtype, value);
  // The quotient is below 2^(fraction bits + 1) and the scaling is by a power of two: only rint rounds.
  const double rounded = std::rint(value / spacing) * spacing;
  if (std::fabs(rounded) <= max_finite(dtype)) return rounded;
  return has_infinity(info(dtype)) ? std::copysign(std::numeric_limits<double>::infinity(), value)
                                   : std::numeric_limits<double>::quiet_NaN();
}

double ulp(DType dtype, double value) {
  if (!is_floating(dtype)) return 0.0;
  const FormatInfo& format = info(dtype);
  const double magnitude = std::min(std::fabs(value), max_finite(dtype));
  const int exponent = magnitude == 0.0 ? min_exponent(format) : std::max(std::ilogb(magnitude), min_exponent(format));
  return std::ldexp(1.0, exponent - format.fraction_bits);
}

double max_finite(DType dtype) {
  const FormatInfo& format = info(dtype);
  if (dtype == DType::f8_e4m3fn) return 448.0;
  if (format.fraction_bits == 0) return std::ldexp(1.0, static_cast<int>(format.bytes) * 8 - 1);
  return std::ldexp(2.0 - std::ldexp(1.0, -format.fraction_bits), bias(format));
}

}  // namespace plumbline
