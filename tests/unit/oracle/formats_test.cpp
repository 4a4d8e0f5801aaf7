// SPDX-License-Identifier: Apache-2.0
// The model's format T in the oracle: every contract's grid `model` is bf16, f16 or f32 as the model is, with that
// format's subnormals and its largest number.
#include <bit>
#include <cmath>

#include "core/random.h"
#include "oracle/oracle.h"
#include "oracle/uncertain.h"
#include "support/catch.h"

namespace plumbline::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Op op_of(OpKind kind, const char* contract, DType dtype) {
  Op op;
  op.name = "op";
  op.kind = kind;
  op.contract = contract;
  op.outputs = {{"op", dtype, {"batch", "head", "token", "key"}, false}};
  return op;
}

Evaluated add(double a, double b, DType dtype) {
  const Op op = op_of(OpKind::add, "add/rounded", dtype);
  OpInputs in;
  in.inputs = {{{1}, {a}}, {{1}, {b}}};
  Evaluated result = evaluate(op, find_contract(op.contract), in, dtype).front();
  result.spec = nullptr;  // it lies in `op`
  return result;
}

}  // namespace

TEST_CASE("a sum is rounded to the model's format, overflow and subnormals included") {
  struct Row {
    DType dtype;
    double a, b, rounded;
  };
  const Row rows[] = {
      // 65520 is half-way between 65504, f16's largest, and 65536, which it lacks: the tie is even, hence infinite.
      {DType::f16, 65504.0, 15.0, 65504.0},
      {DType::f16, 65504.0, 16.0, kInf},
      {DType::f16, -65504.0, -65504.0, -kInf},
      {DType::bf16, 65504.0, 16.0, 65536.0},  // bf16 has steps of 512 there
      {DType::f32, 65504.0, 16.0, 65520.0},
      // Below 2^-14 f16 counts in 2^-24; bf16 and f32 are still normal.
      {DType::f16, 0x1p-24, 0x1p-26, 0x1p-24},
      {DType::f16, 0x1p-25, 0.0, 0.0},
      {DType::bf16, 0x1p-25, 0.0, 0x1p-25},
      {DType::f32, 0x1p-24, 0x1p-26, 0x1p-24 + 0x1p-26},
      {DType::f16, 1.0, 0x1p-11, 1.0},
      {DType::f32, 1.0, 0x1p-11, 1.0 + 0x1p-11},
      {DType::f32, 3e38, 3e38, kInf},
  };
  for (const Row& row : rows) {
    INFO(row.a << " + " << row.b << " in " << dtype_name(row.dtype));
    const Evaluated result = add(row.a, row.b, row.dtype);
    CHECK(result.dtype == row.dtype);
    CHECK(result.rounded.front() == row.rounded);
  }
}

TEST_CASE("the bound of an output is half a step of the model's format") {
  CHECK(add(1.0, 0.0, DType::bf16).bound.front() == 0x1p-8);
  CHECK(add(1.0, 0.0, DType::f16).bound.front() == 0x1p-11);
  CHECK(add(1.0, 0.0, DType::f32).bound.front() == 0x1p-24);
  CHECK(add(0x1p-20, 0.0, DType::f16).bound.front() == 0x1p-25);  // subnormal
}

TEST_CASE("a masked score is the lowest number of the format, or infinite where the score pushes it over") {
  struct Row {
    DType dtype;
    double score, masked;
  };
  const Row rows[] = {
      {DType::f16, 0.0, -65504.0},
      {DType::f16, -15.0, -65504.0},
      {DType::f16, -16.0, -kInf},
      {DType::bf16, -16.0, -max_finite(DType::bf16)},
      {DType::f32, -16.0, -max_finite(DType::f32)},
  };
  for (const Row& row : rows) {
    INFO(row.score << " in " << dtype_name(row.dtype));
    Op op = op_of(OpKind::causal_mask, "attention/eager", row.dtype);
    op.attributes = {{"offset", int64_t{0}}};
    OpInputs in;
    in.inputs = {{{1, 1, 1, 2}, {row.score, row.score}}};
    const Evaluated result = evaluate(op, find_contract(op.contract), in, row.dtype).front();
    CHECK(result.rounded[0] == row.score);
    CHECK(result.rounded[1] == row.masked);
  }
}

TEST_CASE("the fast rounding of the three formats equals the general one") {
  SplitMix64 random(11);
  for (const DType dtype : {DType::bf16, DType::f16, DType::f32}) {
    const Rounder grid(dtype);
    INFO(dtype_name(dtype));
    for (int i = 0; i < 200'000; ++i) {
      // Exponents -30 to 20 pass both ends of f16; every fourth value is a tie of some format.
      double value = std::ldexp(1.0 + random.uniform(), static_cast<int>(random.next() % 51) - 30);
      if (i % 4 == 0) value = std::bit_cast<double>(std::bit_cast<uint64_t>(value) & ~((uint64_t{1} << 41) - 1));
      if (i % 2 == 0) value = -value;
      if (grid.round(value) != round_to(dtype, value) || grid.spacing(value) != ulp(dtype, value)) {
        INFO(value);
        REQUIRE(grid.round(value) == round_to(dtype, value));
        REQUIRE(grid.spacing(value) == ulp(dtype, value));
      }
    }
    for (const double value : {0.0, -0.0, kInf, -kInf, 65504.0, 65519.9, 65520.0, 0x1p-14, 0x1p-25, 0x1p-24})
      CHECK(grid.round(value) == round_to(dtype, value));
    CHECK(std::isnan(grid.round(std::nan(""))));
  }
}

}  // namespace plumbline::test
