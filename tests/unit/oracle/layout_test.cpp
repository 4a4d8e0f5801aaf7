// SPDX-License-Identifier: Apache-2.0
// Where values go, by hand: heads, caches, rows of the table, and the taps inside a norm.
#include <cmath>

#include "support/catch.h"
#include "trial/cases.h"

using namespace plumbline;
using namespace plumbline::trial;

namespace {

Array counted(Shape shape, double first = 0.0) {
  Array out{std::move(shape), {}};
  for (int64_t i = 0; i < element_count(out.shape); ++i) out.values.push_back(first + static_cast<double>(i));
  return out;
}

Evaluated moved(const Op& op, OpInputs in) {
  Evaluated out = evaluate(op, find_contract("layout/copy"), in, DType::bf16).at(0);
  CHECK(out.bitwise);
  CHECK(out.rounded == out.exact.values);
  return out;
}

}  // namespace

TEST_CASE("heads are split and merged without changing a value") {
  // Two tokens, three heads of two channels; head 1 of token 0 is channels 2 and 3.
  const std::vector<double> by_head = {0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11};
  const Op split = make_op(OpKind::split_heads, {{"heads", int64_t{3}}}), merge = make_op(OpKind::merge_heads, {});
  for (const Shape& shape : {Shape{1, 2, 6}, Shape{1, 2, 3, 2}}) {
    OpInputs in;
    in.inputs = {counted(shape)};
    const Evaluated heads = moved(split, in);
    CHECK(heads.exact.shape == Shape{1, 3, 2, 2});
    CHECK(heads.rounded == by_head);
  }
  OpInputs back;
  back.inputs = {{{1, 3, 2, 2}, by_head}};
  const Evaluated merged = moved(merge, back);
  CHECK(merged.exact.shape == Shape{1, 2, 6});
  CHECK(merged.rounded == counted({12}).values);
}

TEST_CASE("a cache keeps its keys in front of the new ones, head by head") {
  const Op op = make_op(OpKind::kv_append, {});
  OpInputs in;
  in.inputs = {counted({1, 2, 1, 2}, 100)};
  CHECK(moved(op, in).rounded == std::vector<double>{100, 101, 102, 103});
  in.past = counted({1, 2, 2, 2});
  const Evaluated cache = moved(op, in);
  CHECK(cache.exact.shape == Shape{1, 2, 3, 2});
  CHECK(cache.rounded == std::vector<double>{0, 1, 2, 3, 100, 101, 4, 5, 6, 7, 102, 103});
  in.past_bounds = Array{{1, 2, 2, 2}, {0, 0, 0, 0, 0, 0, 0, 0.5}};
  const Evaluated uncertain = evaluate(op, find_contract("layout/copy"), in, DType::bf16).at(0);
  CHECK_FALSE(uncertain.bitwise);
  CHECK(uncertain.spread[9] >= 0.5);
  CHECK(uncertain.spread[8] == 0.0);
}

TEST_CASE("an embedding copies rows, or multiplies them by its scale in f32") {
  OpInputs in;
  in.inputs = {{{2}, {2, 0}}};
  in.parameters = {counted({3, 2}, 1)};
  const auto rows = [&](double scale) {
    const Op op = make_op(OpKind::embedding, {{"scale", scale}});
    return evaluate(op, find_contract("embedding/copy"), in, DType::bf16).at(0).rounded;
  };
  CHECK(rows(1.0) == std::vector<double>{5, 6, 1, 2});
  CHECK(rows(0.5) == std::vector<double>{2.5, 3, 0.5, 1});
  // 5 * f32(1/sqrt(128)) = 0.44194..., 6 * = 0.53033...: nearest bf16 0.44140625 and 0.53125.
  const std::vector<double> scaled = rows(1.0 / std::sqrt(128.0));
  CHECK(scaled[0] == 0.44140625);
  CHECK(scaled[1] == 0.53125);
}

TEST_CASE("taps inside a norm come in the op's order, each on its own grid") {
  Op op = make_op(OpKind::rmsnorm, {{"eps", 0.0}, {"heads", int64_t{0}}});
  for (const char* name : {"x32", "var", "rstd", "n32", "n"}) {
    const DType dtype = std::string(name) == "n" ? DType::bf16 : DType::f32;
    op.outputs.push_back({std::string("x.") + name, dtype, {}, true});
  }
  op.outputs.push_back({"x.accumulator", DType::f32, {}, true});  // a tap of other software: no stage, left out
  OpInputs in;
  in.inputs = {{{1, 1, 4}, {1, 1, 3, 5}}};  // mean square 9, rstd 1/3
  in.parameters = {{{4}, {3, 3, 3, 1.5}}};
  const auto values =
      evaluate(op, find_contract("rmsnorm/llama"), in, DType::bf16, {.bounds = true, .inner = true, .threads = 1});
  REQUIRE(values.size() == 6);
  for (size_t i = 0; i < values.size(); ++i) {
    CHECK(values[i].spec == &op.outputs[i]);
    CHECK(values[i].dtype == op.outputs[i].dtype);
  }
  const double third = round_to(DType::f32, 1.0 / 3.0), n = round_to(DType::bf16, 5.0 / 3.0);
  CHECK(values[1].rounded == in.inputs[0].values);
  CHECK(values[1].bitwise);
  CHECK(values[2].rounded == std::vector<double>{9});
  CHECK(values[3].rounded == std::vector<double>{third});
  CHECK(values[4].rounded[0] == third);
  CHECK(values[5].rounded[3] == n);
  CHECK(values[0].rounded[3] == round_to(DType::bf16, 1.5 * n));
  CHECK(values[0].exact.values[3] == 1.5 * n);
  const auto f32 = evaluate(op, find_contract("rmsnorm/f32"), in, DType::bf16);
  CHECK(f32.at(0).dtype == DType::f32);
  CHECK(f32.at(0).rounded[3] == round_to(DType::f32, 2.5));
}
