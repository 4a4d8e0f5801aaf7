// SPDX-License-Identifier: Apache-2.0
// Products whose operands are taken to TF32 or f16 first: by hand, and with uncertain inputs.
#include "oracle/operands.h"

#include <cmath>

#include "support/catch.h"
#include "trial/cases.h"

using namespace plumbline;
using namespace plumbline::trial;

namespace {

/// One output: x times w, under that contract.
Evaluated product_of(double x, double w, std::string_view contract, double x_bound = 0.0) {
  Op op = make_op(OpKind::linear, {});
  OpInputs in;
  in.inputs = {{{1, 1, 1}, {x}}};
  in.parameters = {{{1, 1}, {w}}};
  if (x_bound > 0.0) in.input_bounds = {{{1, 1, 1}, {x_bound}}};
  Evaluated result = evaluate(op, find_contract(contract), in, DType::f32).front();
  result.spec = nullptr;  // the op ends here
  return result;
}

}  // namespace

TEST_CASE("TF32 cuts what f32 has beyond ten bits of fraction, f16 rounds to nearest and overflows") {
  struct Row {
    double x, tf32, f16;
  };
  const Row rows[] = {
      {1.0 + 0x1p-10, 1.0 + 0x1p-10, 1.0 + 0x1p-10},     // held by both
      {1.0 + 0x1p-11 + 0x1p-20, 1.0, 1.0 + 0x1p-10},     // past the tie: f16 goes up, TF32 never does
      {-1.0 - 0x1p-11 - 0x1p-20, -1.0, -1.0 - 0x1p-10},  // towards zero on either side
      {1.0 + 0x1p-11, 1.0, 1.0},                         // a tie, to even
      {65519.0, 65504.0, 65504.0},                       // f16's largest
      {65520.0, 65504.0, HUGE_VAL},                      // TF32 has f32's range; f16 not
      {-70000.0, -69952.0, -HUGE_VAL},                   // 64 apart in TF32
      {0x1.8p-24, 0x1.8p-24, 0x1p-23},                   // f16 steps of 2^-24 there; a tie, to even
      {0x1p-26, 0x1p-26, 0.0},                           // below half a step
  };
  for (const Row& row : rows) {
    CAPTURE(row.x);
    CHECK(product_of(row.x, 1.0, "linear/tf32").exact.values[0] == row.tf32);
    CHECK(product_of(row.x, 1.0, "linear/f16").exact.values[0] == row.f16);
    CHECK(product_of(1.0, row.x, "linear/tf32").exact.values[0] == row.tf32);
    CHECK(product_of(1.0, row.x, "linear/f16").exact.values[0] == row.f16);
    CHECK(product_of(row.x, 1.0, "linear/f32acc").exact.values[0] == row.x);
  }
}

TEST_CASE("an uncertain operand may lie on the next step of its format, and the bound covers that") {
  const Evaluated near = product_of(1.0 + 0x1p-10, 1.0, "linear/tf32", 0x1p-20),
                  far = product_of(1.0 + 0x1p-11, 1.0, "linear/tf32", 0x1p-20);
  CHECK(near.bound[0] >= 0x1p-10);  // just below it is 1.0
  CHECK(far.bound[0] < 0x1p-12);    // in the middle of a step nothing happens
}
