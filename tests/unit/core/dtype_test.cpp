// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include <plumbline/dtype.h>
#include <plumbline/error.h>

#include "support/catch.h"

using namespace plumbline;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

uint64_t bits_of(DType dtype, double value) {
  std::byte bytes[8] = {};
  encode(dtype, value, bytes);
  uint64_t bits = 0;
  std::memcpy(&bits, bytes, element_bytes(dtype));
  return bits;
}

double value_of(DType dtype, uint64_t bits) {
  std::byte bytes[8];
  std::memcpy(bytes, &bits, 8);
  return decode(dtype, bytes);
}

}  // namespace

TEST_CASE("encoding rounds to nearest even once, straight from the double", "[core]") {
  struct Case {
    const char* name;
    DType dtype;
    double value;
    uint64_t bits;
  };
  // bf16 spacing at 1 is 2^-7; f16 2^-10; e4m3 2^-3; e5m2 2^-2. Ties go to the even fraction.
  const auto c = GENERATE(values<Case>({
      {"one", DType::bf16, 1.0, 0x3F80},
      {"tie to even, down", DType::bf16, 1.0 + 0x1p-8, 0x3F80},
      {"tie to even, up", DType::bf16, 1.0 + 0x1.8p-7, 0x3F82},
      {"just above a tie, lost by a detour over f32", DType::bf16, 1.0 + 0x1p-8 + 0x1p-40, 0x3F81},
      {"minus zero", DType::bf16, -0.0, 0x8000},
      {"largest", DType::bf16, 0x1.FEp127, 0x7F7F},
      {"overflow to infinity", DType::bf16, 0x1.FFp127, 0x7F80},
      {"smallest subnormal", DType::bf16, 0x1p-133, 0x0001},
      {"half the smallest subnormal ties to zero", DType::bf16, 0x1p-134, 0x0000},
      {"f16 largest", DType::f16, 65504.0, 0x7BFF},
      {"f16 overflow", DType::f16, 65520.0, 0x7C00},
      {"f16 subnormal", DType::f16, 0x1p-24, 0x0001},
      {"e4m3 largest", DType::f8_e4m3fn, 448.0, 0x7E},
      {"e4m3 has no infinity", DType::f8_e4m3fn, kInf, 0x7F},
      {"e5m2 infinity", DType::f8_e5m2, kInf, 0x7C},
      {"f32", DType::f32, 0.1, 0x3DCCCCCD},
  }));
  CAPTURE(c.name);
  CHECK(bits_of(c.dtype, c.value) == c.bits);
}

TEST_CASE("every bit pattern of the small formats survives decode and encode", "[core]") {
  const auto dtype = GENERATE(DType::bf16, DType::f16, DType::f8_e4m3fn, DType::f8_e5m2);
  const uint64_t patterns = uint64_t{1} << (8 * element_bytes(dtype));
  uint64_t checked = 0;
  for (uint64_t bits = 0; bits < patterns; ++bits) {
    const double value = value_of(dtype, bits);
    if (std::isnan(value)) continue;  // payloads are not kept by encode
    if (bits_of(dtype, value) != bits)
      FAIL("pattern " << bits << " of " << dtype_name(dtype) << " became " << bits_of(dtype, value));
    ++checked;
  }
  CHECK(checked > patterns / 2);
}

TEST_CASE("f32_to_bf16 agrees with the rounding of the double route", "[core]") {
  std::mt19937 random(7);
  for (int i = 0; i < 200000; ++i) {
    const float value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (std::isnan(value)) continue;
    if (f32_to_bf16(value) != bits_of(DType::bf16, static_cast<double>(value))) FAIL("value " << value);
  }
  CHECK(f32_to_bf16(std::numeric_limits<float>::quiet_NaN()) == 0x7FC0);
}

TEST_CASE("ulp is the spacing of the format at the value", "[core]") {
  CHECK(ulp(DType::bf16, 1.0) == 0x1p-7);
  CHECK(ulp(DType::bf16, 0x1.FEp0) == 0x1p-7);
  CHECK(ulp(DType::bf16, 2.0) == 0x1p-6);
  CHECK(ulp(DType::bf16, 0.0) == 0x1p-133);
  CHECK(ulp(DType::bf16, kInf) == 0x1p120);
  CHECK(ulp(DType::f32, -1.0) == 0x1p-23);
  CHECK(ulp(DType::i64, 5.0) == 0.0);
}

TEST_CASE("integers are stored exactly or refused", "[core]") {
  CHECK(value_of(DType::i64, bits_of(DType::i64, -3.0)) == -3.0);
  CHECK(value_of(DType::u8, bits_of(DType::u8, 255.0)) == 255.0);
  CHECK_THROWS_AS(bits_of(DType::u8, 256.0), InputError);
  CHECK_THROWS_AS(bits_of(DType::u8, -1.0), InputError);
  CHECK_THROWS_AS(bits_of(DType::i32, 0.5), InputError);
  CHECK_THROWS_AS(bits_of(DType::i8, std::nan("")), InputError);
}

TEST_CASE("format names are read in both spellings", "[core]") {
  CHECK(parse_dtype("bf16") == DType::bf16);
  CHECK(parse_dtype("BF16") == DType::bf16);
  CHECK(parse_dtype("F8_E4M3") == DType::f8_e4m3fn);
  CHECK_FALSE(parse_dtype("bfloat").has_value());
}
